"""Where does the truth rank among posterior draws: simulation-based calibration.

On virtual patients of the published models the ranks of CL, V, half-life and AUC24 say whether the model is calibrated towards its teachers; on patients drawn
from the model's own prior (`self_check`) they say whether sampling of the posterior is right, and there z is known too.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int

from pkvae_core.checks.engines import Engine, vae
from pkvae_core.checks.expected import asked, share_below
from pkvae_core.checks.own import own_patients
from pkvae_core.checks.progress import Progress, silent
from pkvae_core.checks.typical import exposures, labels
from pkvae_core.checks.uniformity import Bars, Uniformity, bars, ranks_of, uniformity
from pkvae_core.checks.virtual import Virtual, Wanted, fresh
from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.population import is_dose_proportional
from pkvae_core.structural.any_responses import AnyResponses
from pkvae_core.vae.vae import PKVAE

MOST = 99  # ranks from 0 to 99


@dataclass(frozen=True)
class Ranks:
    """The ranks (0 to 99) of one quantity's truths, their histogram, and their cumulative share against the diagonal."""

    quantity: str
    label: str
    ranks: Int[np.ndarray, " case"]
    bars: Bars
    uniformity: Uniformity

    @property
    def is_uniform(self) -> bool:
        return self.uniformity.is_uniform


@dataclass(frozen=True)
class RankCheck:
    """Ranks of every quantity on `patients` virtual patients, each after `levels` ("1 to 10", or a number)."""

    engine: str
    source: str
    patients: int
    levels: str
    quantities: tuple[Ranks, ...]
    left_out: tuple[str, ...] = ()

    def rows(self) -> tuple[dict[str, object], ...]:
        """One row a place of the curve."""
        return tuple(
            {"quantity": r.quantity, "position": float(p), "difference": float(d), "low95": float(low), "high95": float(high), "cases": u.cases}
            for r in self.quantities
            for u in (r.uniformity,)
            for p, d, low, high in zip(u.position, u.difference, u.low95, u.high95, strict=True)
        )

    @property
    def sentence(self) -> str:
        uneven = [r.label for r in self.quantities if not r.is_uniform]
        told = f"the ranks of {', '.join(uneven)} leave their band" if uneven else "all ranks stay in their bands"
        return f"{self.patients:,} {self.source}, {self.levels} levels each: {told}."


def rank_check(
    engine: Engine,
    card: DrugCard,
    *,
    patients: int = 500,
    levels: int | None = None,
    is_wanted: Wanted | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> RankCheck:
    """Ranks of the truths of fresh virtual patients of the published models, each with 1 to 10 levels, or exactly `levels` (0: the prior)."""
    virtual = fresh(card, patients, samples=max(levels, 1) if levels is not None else None, seed=17 + seed, is_wanted=is_wanted)
    if levels == 0:
        virtual = replace(virtual, patients=tuple(replace(p, samples=()) for p in virtual.patients))
    return _checked(engine, virtual, None, "virtual patients of the published models", levels, seed, progress)


def self_check(model: PKVAE, *, draws: int = 500, patients: int = 500, levels: int | None = None, seed: int = 0, progress: Progress = silent) -> RankCheck:
    """Ranks of the truths, z among them, of patients drawn from the model's own prior and measured with its own residual error: is its sampling right?"""
    virtual, z = own_patients(model, patients, levels=levels, seed=seed)
    return _checked(vae(model, draws=draws), virtual, z, "patients of the model itself", levels, seed, progress)


def _checked(engine: Engine, virtual: Virtual, z: np.ndarray | None, source: str, levels: int | None, seed: int, progress: Progress) -> RankCheck:
    found: dict[str, list[np.ndarray]] = {}
    left_out: list[str] = []
    with torch.no_grad():
        for answer in asked(engine, virtual.patients, seed=seed, progress=progress):
            if isinstance(answer, dict):
                left_out += [f"patient {virtual.patients[i].id}: {why}" for i, why in answer.items()]
                continue
            truth = quantities(virtual.card, virtual.only(answer.index).truth) | _latents(None if z is None else z[list(answer.index), None])
            draws = quantities(virtual.card, answer.responses) | _latents(None if z is None else answer.z)
            for name, value in truth.items():
                found.setdefault(name, []).append(share_below(draws[name], answer.weight, value[:, 0]).mean(0))
    generator = np.random.default_rng(seed)
    low = "" if is_dose_proportional(virtual.card) else " at low levels"  # where the drug's own concentration does not slow it down
    said = {"CL": f"Clearance{low}", "V": "Volume", "half_life": f"Half-life{low}", **labels(virtual.card)}
    each = tuple(_ranks(name, said.get(name, f"Latent {name}"), np.concatenate(shares), generator) for name, shares in found.items())
    number = len(each[0].ranks) if each else 0
    return RankCheck(engine.name, source, number, "1 to 10" if levels is None else str(levels), each, tuple(left_out))


def quantities(card: DrugCard, responses: AnyResponses) -> dict[str, Float[np.ndarray, "subject draw"]]:
    """CL, V and half-life as they are at last, and the exposures of the card's typical regimen."""
    known = responses.disposition() | exposures(card, responses, ("auc24", "trough"))
    return {name: value.numpy() for name, value in known.items()}


def _latents(z: np.ndarray | None) -> dict[str, np.ndarray]:
    return {} if z is None else {f"z{i + 1}": z[..., i] for i in range(z.shape[-1])}


def _ranks(name: str, label: str, share: Float[np.ndarray, " case"], generator: np.random.Generator) -> Ranks:
    ranks = ranks_of(share, MOST, generator)
    return Ranks(name, label, ranks, bars(ranks, MOST), uniformity(ranks, MOST))
