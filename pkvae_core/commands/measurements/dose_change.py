"""`benchmark --of dose-change`: visit 1 at one dose, visit 2 at half to three times it, for the drugs that are not proportional to dose."""

from collections.abc import Callable, Collection

import numpy as np
import torch

from pkvae_core.checks.dose_change import SEED_OFFSET, dose_change, engines, figures, two_visits
from pkvae_core.checks.recorded import kept
from pkvae_core.drugs.card import CARDS, DrugCard, available_drugs, load_card
from pkvae_core.drugs.population import typical_body
from pkvae_core.inference.classical import Structure, fit_population
from pkvae_core.vae.checkpoint import load_model
from pkvae_core.vae.vae import PKVAE

NAME, KEEPS = "dose-change", True
TITLE = "levels after a change of dose, of drugs that are not proportional to dose (figures of the very same model are kept)"
PATIENTS, COHORT, ROUNDS = 100, 60, 30
AT_ONCE_H = 24.0  # a drug that peaks within a day is absorbed at once, beside weeks of it
WORDS = {"vae": "VAE", "right": "MAP-Bayes, right structure", "superposition": "the same, scaled in proportion", "linear": "MAP-Bayes, one compartment, fitted"}


def measure(seed: int, say: Callable[[str], None], *, anew: Collection[str] = ()) -> dict:
    """Figures of every such drug that has a trained model."""
    head = {"seed": seed, "patients": PATIENTS}
    models = {d: load_model(d) for d in available_drugs() if _bends(load_card(d)) and (CARDS / d / "model.safetensors").exists()}
    known = kept(NAME, head, {drug: model.version for drug, model in models.items()}, anew)
    return head | {"drugs": {drug: known.get(drug) or {"model": model.version, "engines": _of(model, seed, say)} for drug, model in models.items()}}


def _bends(card: DrugCard) -> bool:
    return (body := typical_body(card)) is not None and not body.scales


def _of(model: PKVAE, seed: int, say: Callable[[str], None]) -> list[dict]:
    """The linear opponent is fitted to other patients at visit 1, as a clinic would fit it to its levels."""
    card = model.card
    cohort = two_visits(card, COHORT, torch.Generator().manual_seed(SEED_OFFSET + 1000 * seed + 1)).seen
    with torch.no_grad():
        fitted = fit_population(card, cohort, Structure(1, is_absorbed_at_once=card.peak_by_h < AT_ONCE_H), rounds=ROUNDS, seed=seed)
    say(f"{card.drug}: the linear model was fitted in {fitted.rounds} rounds, {'settled' if fitted.is_settled else 'NOT settled'}")
    visits = two_visits(card, PATIENTS, torch.Generator().manual_seed(SEED_OFFSET + 1000 * seed))
    return figures(dose_change(card, engines(card, fitted.model, model, seed), visits, say), np.asarray(visits.factor), seed)


def markdown(found: dict) -> str:
    """A table for each drug."""
    parts = []
    for drug, figures_of in found["drugs"].items():
        each = figures_of["engines"]
        factors = list(each[0]["by_factor"])
        head = ["engine", "exposure", "log-RMSE", "bias", "against the right structure (95 %)", *(f"dose x {f}" for f in factors)]
        lines = [" | ".join(head), " | ".join(["---"] * len(head)), *(" | ".join(_cells(row, factors)) for row in each)]
        parts.append(f"**{drug}**, {found['patients']} patients, seed {found['seed']}\n\n" + "\n".join(f"| {line} |" for line in lines))
    return "\n\n".join(parts)


def _cells(row: dict, factors: list[str]) -> list[str]:
    middle, low, high = row["ratio"]
    numbers = [f"{row['error']:.3f}", f"{row['bias']:+.3f}", f"{middle:.2f} ({low:.2f} to {high:.2f})", *(f"{row['by_factor'][f]:.3f}" for f in factors)]
    return [WORDS[row["engine"]], row["exposure"], *numbers]
