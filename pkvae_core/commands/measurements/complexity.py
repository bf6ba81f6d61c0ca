"""`benchmark --of complexity`: how many simple patients are called complex, and how well both kinds are told apart."""

from collections.abc import Callable

import numpy as np
import torch

from pkvae_core.checks.virtual import as_patients
from pkvae_core.drugs.card import CARDS, available_drugs, load_card
from pkvae_core.drugs.population import simulate
from pkvae_core.insight.hybrid import Rivals, classify, fit_rivals, labelled_scores, one_compartment_twins
from pkvae_core.vae.checkpoint import load_model

TITLE = "simple patients called complex, and how well virtual patients of known kind are told apart, about 3 min a drug"
PATIENTS, OFFSET = 200, 6_500_000_003


def measure(seed: int, say: Callable[[str], None]) -> dict:
    """False alarms among true one-compartment patients, hits among the published models' patients, area under the ROC curve, and Brier score."""
    found = {}
    for drug in available_drugs():
        if (CARDS / drug / "model.safetensors").exists():
            say(f"{drug} ...")
            found[drug] = _of_drug(fit_rivals(load_model(drug), seed=seed), seed)
    return {"seed": seed, "patients": PATIENTS, "drugs": found}


def _of_drug(rivals: Rivals, seed: int) -> dict:
    generator = torch.Generator().manual_seed(OFFSET + seed)
    population = simulate(rivals.card, PATIENTS, generator, changing=0.0).population
    simple = one_compartment_twins(rivals, population, generator)
    called = [sum(each.is_complex for each in classify(rivals, as_patients(rivals.card, some), seed=seed)) for some in (simple, population)]
    score, is_complex = labelled_scores(rivals, 1000, seed=seed + 77)
    area = float((score[is_complex][:, None] > score[~is_complex][None]).mean())
    probability = np.array([rivals.probability(float(s)) for s in np.clip(score, -20, 20)])
    return {
        "false_alarms": called[0] / PATIENTS,
        "called_complex": called[1] / PATIENTS,
        "roc_area": area,
        "brier": float(((probability - is_complex) ** 2).mean()),
        "calibration": [float(is_complex[(probability >= low) & (probability < low + 0.2)].mean()) for low in (0.2, 0.4, 0.6)],
    }


def markdown(found: dict) -> str:
    lines = [
        f"{found['patients']} true one-compartment patients and {found['patients']} of the published models; ROC and Brier on 1,000 of each; 1 to 10 levels.",
        "",
        "| drug | simple called complex, % | published called complex, % | area under ROC | Brier | truly complex where P is .2–.4, .4–.6, .6–.8 |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for drug, each in found["drugs"].items():
        shares = ", ".join(f"{share:.2f}" for share in each["calibration"])
        numbers = f"{100 * each['false_alarms']:.1f} | {100 * each['called_complex']:.1f} | {each['roc_area']:.2f} | {each['brier']:.3f}"
        lines.append(f"| {load_card(drug).name} | {numbers} | {shares} |")
    return "\n".join(lines)
