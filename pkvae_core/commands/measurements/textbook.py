"""`benchmark --of textbook`: the PKVAE of a textbook, trained in seconds, beside the shipped models."""

from collections.abc import Callable

from pkvae_core.checks.textbook import QUESTIONS, compare
from pkvae_core.drugs.card import CARDS, available_drugs, load_card
from pkvae_core.vae.checkpoint import load_model

TITLE = "the PKVAE of a textbook beside the shipped models, about 15 s a drug"
PATIENTS = 500


def measure(seed: int, say: Callable[[str], None]) -> dict:
    """The comparison for every shipped model."""
    found = {}
    for drug in available_drugs():
        if (CARDS / drug / "model.safetensors").exists():
            say(f"{drug} ...")
            found[drug] = compare(load_model(drug), patients=PATIENTS, seed=seed).to_dict()
    return {"seed": seed, "patients": PATIENTS, "drugs": found}


def markdown(found: dict) -> str:
    """One row for each drug and question: textbook / ours."""
    lines = [
        f"Median profile error, log-RMSE of the AUC and coverage of 90 % bands on {found['patients']} fresh virtual patients: textbook / ours.",
        "",
        "| drug | asked for | profile error, % | AUC, log-RMSE | coverage, % |",
        "| --- | --- | --- | --- | --- |",
    ]
    for drug, both in found["drugs"].items():
        for name, question in QUESTIONS.items():
            pair = both["textbook"][name], both["ours"][name]
            cells = (" / ".join("no answer" if s is None else form.format(s[key]) for s in pair) for key, form in _FIGURES)
            lines.append(f"| {load_card(drug).name} | {question} | {' | '.join(cells)} |")
    seconds = ", ".join(f"{both['seconds']:.0f}" for both in found["drugs"].values())
    return "\n".join([*lines, "", f"Training the textbook's took {seconds} s."])


_FIGURES = (("profile_error", "{:.1f}"), ("auc_log_rmse", "{:.3f}"), ("coverage", "{:.1f}"))
