"""`benchmark --of profile-error`: the whole profile of the next interval from three to five levels in the one before, beside the exact posterior."""

from collections.abc import Callable, Collection

import numpy as np
import torch

from pkvae_core.checks.profile_error import Asked, ask, by_exact, by_map, by_vae, fits, profile_error, without
from pkvae_core.checks.ratio import ratio_of_medians, share_closed
from pkvae_core.checks.recorded import kept
from pkvae_core.drugs.card import CARDS, DrugCard, available_drugs, load_card
from pkvae_core.drugs.population import typical_body
from pkvae_core.drugs.published import MODELS
from pkvae_core.inference.reference import LEAST_EFFECTIVE
from pkvae_core.vae.checkpoint import load_model
from pkvae_core.vae.vae import PKVAE

NAME, KEEPS = "profile-error", True
TITLE = "error of the next interval's profile from 3 to 5 levels (figures recorded for the very same model are kept), 1 to 4 min a drug"
PATIENTS, COVERAGE_PATIENTS, COVERAGE_POINTS, COHORT = 400, 4000, 12, 100
SEED_OFFSET = 5_000_000_029


def measure(seed: int, say: Callable[[str], None], *, anew: Collection[str] = ()) -> dict:
    """Figures of every trained drug."""
    head = {"seed": seed, "patients": PATIENTS}
    models = {drug: load_model(drug) for drug in available_drugs() if (CARDS / drug / "model.safetensors").exists()}
    known = kept(NAME, head, {drug: model.version for drug, model in models.items()}, anew)
    found = {}
    for drug, model in models.items():
        say(f"{drug}: {'as recorded for' if drug in known else 'measuring'} {model.version}")
        found[drug] = with_fits(model.card, known[drug], seed, say) if drug in known else _of(model, seed, say)
    return head | {"drugs": found}


def with_fits(card: DrugCard, figures: dict, seed: int, say: Callable[[str], None]) -> dict:
    """The same figures; where they were recorded without saying how the compartment fits ended, these fits alone are made anew."""
    if figures["classical"] is None or "fits" in figures["classical"]:
        return figures
    asked = ask(card, PATIENTS, torch.Generator().manual_seed(SEED_OFFSET + 10_000 * seed))
    ours, best = (np.array(figures["each"][name]) for name in ("vae", "exact"))
    return figures | {"classical": _classical(card, asked, ours, best, seed, say)}


def _of(model: PKVAE, seed: int, say: Callable[[str], None]) -> dict:
    card, start = model.card, SEED_OFFSET + 10_000 * seed
    many = ask(card, COVERAGE_PATIENTS, torch.Generator().manual_seed(start + 1), points=COVERAGE_POINTS)
    unknown = {c.name: without(many, card, c.name) for c in card.covariates if c.is_flag}
    covered = {name: float(by_vae(model, some, seed=start, say=say).is_inside(some).mean()) for name, some in {"": many, **unknown}.items()}
    asked = ask(card, PATIENTS, torch.Generator().manual_seed(start))
    ours = by_vae(model, asked, seed=start, say=say).error(asked)
    exact, effective = by_exact(card, asked, seed=start)
    say(f"{card.drug}: the exact posterior of {PATIENTS} patients, at least {effective.min():.0f} effective draws")
    again, _ = by_exact(card, asked, seed=start + 5000)
    best, generator = exact.error(asked), np.random.default_rng(seed)
    return {
        "model": model.version,
        "coverage": covered.pop(""),
        "coverage_unknown": covered,
        "coverage_patients": COVERAGE_PATIENTS,
        "error": {"vae": float(np.median(ours)), "exact": float(np.median(best))},
        "ratio": list(ratio_of_medians(ours, best, generator)),
        "floor": list(ratio_of_medians(again.error(asked), best, generator)),
        "apart": float(np.median(profile_error(again.middle, exact.middle))),
        "effective": [float(effective.min()), float(np.median(effective))],
        "unreliable": int((effective < LEAST_EFFECTIVE).sum()),
        "each": {"vae": _rounded(ours), "exact": _rounded(best), "effective": [round(value) for value in effective.tolist()]},
        "classical": _classical(card, asked, ours, best, seed, say),
    }


def _rounded(error: np.ndarray) -> list[float]:
    return [round(value, 5) for value in error.tolist()]


def _classical(card: DrugCard, asked: Asked, ours: np.ndarray, best: np.ndarray, seed: int, say: Callable[[str], None]) -> dict | None:
    """Compartment models fitted to another cohort; None where the drug's own published model is one of them."""
    if not is_beyond_compartments(card):
        return None
    cohort = ask(card, COHORT, torch.Generator().manual_seed(SEED_OFFSET + 10_000 * seed + 2))
    found = fits(card, cohort, seed=seed, say=say)
    each = {fit.structure.words: by_map(card, fit.model, asked) for fit in found}
    name = min(each, key=lambda name: float(np.median(each[name])))
    return {
        "errors": {words: float(np.median(error)) for words, error in each.items()},
        "closed": list(share_closed(ours, best, each[name], np.random.default_rng(seed))),
        "fits": {fit.structure.words: {"log_likelihood": round(fit.log_likelihood, 2), "rounds": fit.rounds, "is_settled": fit.is_settled} for fit in found},
    }


def is_beyond_compartments(card: DrugCard) -> bool:
    """Whether no model of one or two compartments with first-order absorption is the truth."""
    typical = [set(MODELS[m.name].typical({name: torch.tensor([value]) for name, value in card.typical_patient.items()})) for m in card.published_models]
    return any(names & {"ktr", "ka2", "alpha"} for names in typical) or typical_body(card) is not None


def markdown(found: dict) -> str:
    """One row a drug."""
    head = ["drug", "VAE, %", "exact, %", "ratio (95 %)", "reference again", "effective draws, min / median", "90 % bands hold, %", "best compartment fit, %"]
    lines = [" | ".join([*head, "gap closed, % (95 %)"]), " | ".join(["---"] * (len(head) + 1))]
    for drug, each in found["drugs"].items():
        middle, low, high = each["ratio"]
        numbers = [f"{100 * each['error'][name]:.1f}" for name in ("vae", "exact")]
        floor = f"{each['floor'][0]:.3f}, {100 * each['apart']:.1f} % apart"
        effective = " / ".join(f"{value:,.0f}" for value in each["effective"])
        cells = [load_card(drug).name, *numbers, f"{middle:.3f} ({low:.3f} to {high:.3f})", floor, effective, f"{100 * each['coverage']:.1f}"]
        lines.append(" | ".join([*cells, *_rivals(each["classical"])]))
    said = f"{found['patients']} virtual patients a drug, seed {found['seed']}: median over patients of the profile's RMSE over its mean."
    return "\n".join([said, "", *(f"| {line} |" for line in lines), "", _unknown(found["drugs"]), "", _fitted(found["drugs"])])


def _unknown(drugs: dict) -> str:
    """What the bands hold where a covariate of two values is not known."""
    each = [f"{load_card(drug).name} without {name} {100 * share:.1f} %" for drug, one in drugs.items() for name, share in one["coverage_unknown"].items()]
    return f"90 % bands hold, of {COVERAGE_PATIENTS:,} patients: {', '.join(each)}." if each else ""


def _fitted(drugs: dict) -> str:
    """How the compartment fits ended: every structure's error, log-likelihood, and whether it settled."""
    lines = ["| compartment fit | error, % | log-likelihood | rounds | settled |", "| --- | --- | --- | --- | --- |"]
    for drug, figures in drugs.items():
        for words, fit in (figures["classical"] or {}).get("fits", {}).items():
            settled = "yes" if fit["is_settled"] else "no"
            error = 100 * figures["classical"]["errors"][words]
            lines.append(f"| {load_card(drug).name}, {words} | {error:.1f} | {fit['log_likelihood']:.1f} | {fit['rounds']} | {settled} |")
    return "\n".join(lines)


def _rivals(classical: dict | None) -> list[str]:
    if classical is None:
        return ["–", "–"]
    name = min(classical["errors"], key=classical["errors"].__getitem__)
    closed, low, high = (100 * value for value in classical["closed"])
    return [f"{100 * classical['errors'][name]:.1f} ({name})", f"{closed:.0f} ({low:.0f} to {high:.0f})"]
