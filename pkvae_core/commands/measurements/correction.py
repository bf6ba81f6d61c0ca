"""`benchmark --of correction`: does the learned correction bring the one-compartment model closer to the truth, and how far is that from the VAE?

The one-compartment model is the simple rival of the Profiles page (`insight.hybrid`), with a lag where the drug can be swallowed.
"""

from collections.abc import Callable, Collection

import numpy as np
import torch
from torch import Tensor

from pkvae_core.checks.recorded import kept
from pkvae_core.drugs.card import CARDS, available_drugs, load_card
from pkvae_core.drugs.population import published_responses, rows, simulate
from pkvae_core.exposure import weighted_quantiles
from pkvae_core.inference.classical import fit_population
from pkvae_core.inference.importance import importance_sample
from pkvae_core.inference.mode import find_mode
from pkvae_core.insight.hybrid import COHORT, cohort_of, structures
from pkvae_core.insight.residual_fit import ResidualModel, residual_mode
from pkvae_core.insight.residual_model import learn_correction, whole_curves
from pkvae_core.vae.checkpoint import load_model
from pkvae_core.vae.vae import PKVAE

NAME, KEEPS = "correction", True
TITLE = "one compartment, the same with its learned correction, and the VAE on the whole profile of fresh virtual patients (figures of the same model are kept)"
PATIENTS, LEVELS, DRAWS, OFFSET = 100, (2, 4, 8), 100, 7_600_000_003
RESAMPLES = 1000
BAND = 0.9


def measure(seed: int, say: Callable[[str], None], *, anew: Collection[str] = ()) -> dict:
    """Median profile error (%) of the three, the ratio of corrected to textbook's (95 %, paired bootstrap), coverage of the corrected curve's 90 % band."""
    head = {"seed": seed, "patients": PATIENTS}
    models = {drug: load_model(drug) for drug in available_drugs() if (CARDS / drug / "model.safetensors").exists()}
    known = kept(NAME, head, {drug: model.version for drug, model in models.items()}, anew)
    found = {}
    for drug, model in models.items():
        say(f"{drug}: {'as recorded for' if drug in known else 'measuring'} {model.version}")
        found[drug] = known.get(drug) or of_drug(model, seed)
    return head | {"drugs": found}


@torch.no_grad()
def of_drug(model: PKVAE, seed: int) -> dict:
    """One drug's figures; `textbook` names the structure that was corrected, and says whether its fit settled."""
    card = model.card
    fit = fit_population(card, cohort_of(card, COHORT, seed=seed + OFFSET), structures(card)[0], seed=seed)
    learned = ResidualModel(card, fit.model, learn_correction(fit.model, card, seed=seed))
    return {
        "model": model.version,
        "textbook": {"structure": fit.structure.words, "is_settled": fit.is_settled},
        "cells": [_cell(model, learned, number, seed) for number in LEVELS],
    }


def _cell(model: PKVAE, learned: ResidualModel, number: int, seed: int) -> dict:
    generator = torch.Generator().manual_seed(OFFSET + 10 * seed + number)
    drawn = simulate(model.card, PATIENTS, generator, samples=number, changing=0.0)
    population = drawn.population
    dense, is_shown = whole_curves(drawn, generator)
    place, root = residual_mode(learned, population)
    mode = find_mode(learned.textbook, model.card, population).normal[:, None]
    plain = published_responses(learned.textbook, model.card, population, mode).curves(population.doses, dense.sample_time)[0][:, 0]
    normal = place[:, None] + torch.randn(PATIENTS, DRAWS, learned.size, dtype=torch.float64, generator=generator) @ root.transpose(1, 2)
    low, middle, high = (
        torch.stack(edge)
        for edge in zip(*(_band(learned, rows(dense, slice(i, i + 1)), normal[i : i + 1]) for i in range(PATIENTS)), strict=True)
    )  # fmt: skip
    errors = [_errors(curve, dense.level, is_shown) for curve in (plain, middle, _learned(model, population, dense.sample_time, seed))]
    held = ((low <= dense.level) & (dense.level <= high))[is_shown].double().mean()
    return {
        "levels": number,
        "textbook": float(np.median(errors[0])),
        "corrected": float(np.median(errors[1])),
        "vae": float(np.median(errors[2])),
        "ratio": _ratio(errors[1], errors[0], seed),
        "coverage": float(held),
    }


def _band(learned: ResidualModel, one, normal: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    low, middle, high = learned.curves(one, normal, one.sample_time)[0].quantile(torch.tensor([0.05, 0.5, 0.95]).double(), dim=0)
    return low, middle, high


def _learned(model: PKVAE, population, time: Tensor, seed: int) -> Tensor:
    """The VAE's posterior median at these times."""
    drawn = importance_sample(model, population, draws=300, generator=torch.Generator().manual_seed(seed))
    curves = model.responses(drawn.z, population).curves(population.doses, time)[0].double().numpy()
    weight = drawn.log_weight.exp().double().numpy()
    return torch.tensor(np.stack([weighted_quantiles(curve, w, (0.5,))[0] for curve, w in zip(curves, weight, strict=True)]))


def _errors(curve: Tensor, truth: Tensor, is_shown: Tensor) -> np.ndarray:
    """Root mean square over the profile, in per cent of the mean truth, of each patient."""
    count = is_shown.sum(1)
    mean_square = ((curve - truth).square() * is_shown).sum(1) / count
    return (100 * mean_square.sqrt() * count / (truth * is_shown).sum(1)).double().numpy()


def _ratio(ours: np.ndarray, theirs: np.ndarray, seed: int) -> list[float]:
    """Ratio of the medians and its 95 % interval over patients drawn again."""
    again = np.random.default_rng(seed).integers(len(ours), size=(RESAMPLES, len(ours)))
    ratios = np.median(ours[again], 1) / np.median(theirs[again], 1)
    return [float(np.median(ours) / np.median(theirs)), *(float(edge) for edge in np.quantile(ratios, (0.025, 0.975)))]


def markdown(found: dict) -> str:
    """What the correction is worth, aloud, and one row a cell."""
    lines = [
        f"Median profile error (% of the mean; truth at 40 hours) on {found['patients']} fresh virtual patients a cell, seed {found['seed']}. {verdict(found)}",
        "",
        "| drug | levels | one compartment | with its correction | ratio (95 %) | truth in its 90 % band | VAE |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for drug, each in found["drugs"].items():
        for cell in each["cells"]:
            ratio, low, high = cell["ratio"]
            lines.append(
                f"| {load_card(drug).name} | {cell['levels']} | {cell['textbook']:.1f} | {cell['corrected']:.1f} | {ratio:.2f} ({low:.2f}–{high:.2f}) | "
                f"{100 * cell['coverage']:.0f} % | {cell['vae']:.1f} |"
            )
    return "\n".join(lines)


def verdict(found: dict) -> str:
    """Where the correction helps, where it harms, and how often its bands hold, in a sentence each."""
    cells = [(load_card(drug).name, cell) for drug, each in found["drugs"].items() for cell in each["cells"]]
    better = sum(cell["ratio"][2] < 1 for _, cell in cells)
    worse = [f"{name} with {cell['levels']} levels (ratio {_said(cell['ratio'])})" for name, cell in cells if cell["ratio"][1] > 1]
    share = sorted(100 * cell["coverage"] for _, cell in cells)
    short = sum(each < 100 * BAND for each in share)
    harm = f"It makes the error clearly larger in {len(worse)}: {'; '.join(worse)}." if worse else "In none does it make the error clearly larger."
    return (
        f"The correction makes the error clearly smaller in {better} of {len(cells)} cells (95 % interval of the ratio below 1). {harm} Its {100 * BAND:.0f} % "
        f"bands hold {share[0]:.0f} to {share[-1]:.0f} % of the truth, less than {100 * BAND:.0f} % in {short} of {len(cells)} cells."
    )


def _said(ratio: list[float]) -> str:
    return f"{ratio[0]:.2f}, 95 % {ratio[1]:.2f} to {ratio[2]:.2f}"
