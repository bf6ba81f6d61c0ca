"""What is known of every virtual patient, so that a map can be coloured and its axes named?"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.population import VirtualPatients
from pkvae_core.drugs.regimens import average_concentration
from pkvae_core.insight.complexity import ROUND_OFF, distance_from_one_compartment
from pkvae_core.structural.body import AnyBody
from pkvae_core.structural.exponentials import Pulses, disposition
from pkvae_core.structural.recirculation import Recirculating
from pkvae_core.structural.target_mediated import TargetMediated
from pkvae_core.wording import rounded

LOW = 0.1  # of the usual level: there a target shows
PHARMACOKINETIC = ("CL", "target", "V", "half_life", "ka", "lag", "peak_time", "share", "ka2", "lag2")


@dataclass(frozen=True)
class Property:
    """What is known of every virtual patient: a pharmacokinetic number, a covariate, or (with `categories`) the index of a group."""

    name: str
    label: str
    unit: str
    values: Float[np.ndarray, " subject"]
    categories: tuple[str, ...] = ()

    @property
    def is_pharmacokinetic(self) -> bool:
        return self.name in PHARMACOKINETIC

    @property
    def varies(self) -> bool:
        """Whether it differs between patients: what does not can neither colour a map nor name an axis."""
        return bool(np.ptp(self.values) > 0)

    @property
    def is_ordered(self) -> bool:
        """Whether more and less of it means something: more than two groups have no order."""
        return len(self.categories) in (0, 2)


def known_properties(card: DrugCard, patients: VirtualPatients) -> tuple[Property, ...]:
    """Everything that is known of these patients: pharmacokinetics, complexity, covariates, published model."""
    now = patients.responses.now
    if isinstance(now, Pulses):
        own = (*pharmacokinetics(now), *_complexity(now))
    else:
        own = _of_meals(now) if isinstance(now, Recirculating) else _of_a_body(now, average_concentration(card))
    return (*own, *_covariates(card, patients), _published_model(card, patients))


def _of_meals(body: Recirculating) -> tuple[Property, ...]:
    """Of a drug that meals bring back: how it is absorbed and eliminated for good, and how much of it comes back."""
    known = body.disposition()
    tables = {
        "CL": ("Clearance, for good", "L/h", known["CL"]),
        "V": ("Volume", "L", known["V"]),
        "half_life": ("Half-life between meals", "h", known["half_life"]),
        "ka": ("Absorption rate", "1/h", body.ka),
        "lag": ("Absorption lag", "h", body.lag),
        "share": ("Share that goes into the bile", "%", 100 * body.share),
    }
    return tuple(Property(name, label, unit, table[:, 0].float().numpy()) for name, (label, unit, table) in tables.items())


def _of_a_body(body: AnyBody, level_mg_per_L: float) -> tuple[Property, ...]:
    """Of a drug that is not proportional to dose: clearance where it is quickest and at the level aimed for, and what the one loses to the other."""
    known, level = body.disposition(), rounded(level_mg_per_L)
    if isinstance(body, TargetMediated):
        return _of_a_target(body, level_mg_per_L)
    quickest, then = known["CL"][:, 0].float().numpy(), body.clearance(level_mg_per_L)[:, 0].float().numpy()
    return (
        Property("CL", f"Clearance at {level} mg/L", "L/h", then),
        Property("V", "Volume", "L", known["V"][:, 0].float().numpy()),
        Property("half_life", "Half-life at low levels", "h", known["half_life"][:, 0].float().numpy()),
        Property("saturation", f"Clearance lost to saturation at {level} mg/L", "%", 100 * (1 - then / quickest)),
    )


def _of_a_target(body: TargetMediated, level_mg_per_L: float) -> tuple[Property, ...]:
    """Of a drug that meets its target: what the target adds to clearance shows at low levels, where much of the drug is bound."""
    free, usual, low = body.disposition(), body.clearance(level_mg_per_L), body.clearance(LOW * level_mg_per_L)
    added = 100 * (low / free["CL"] - 1)
    found = {
        "CL": (f"Clearance at {rounded(level_mg_per_L)} mg/L", "L/h", usual),
        "target": (f"Clearance added by the target at {rounded(LOW * level_mg_per_L)} mg/L", "%", added),
        "V": ("Volume", "L", free["V"]),
        "half_life": ("Half-life of free drug", "days", free["half_life"] / 24),
        "ka": ("Absorption rate", "1/h", body.ka),
    }
    return tuple(Property(name, label, unit, table[:, 0].float().numpy()) for name, (label, unit, table) in found.items())


def pharmacokinetics(pulses: Pulses) -> list[Property]:
    """Of the true responses: clearance, volume and half-life; where the drug is swallowed too, how it is absorbed and when a dose peaks."""
    known = disposition(pulses)
    labels = {"CL": ("Clearance", "L/h"), "V": ("Volume", "L"), "half_life": ("Half-life", "h")}
    found = [Property(name, label, unit, known[name][:, 0].float().numpy()) for name, (label, unit) in labels.items()]
    return found + (_absorption(pulses) if pulses.amplitude.shape[2] > 1 else [])


def _absorption(pulses: Pulses) -> list[Property]:
    """The rate of the onset's exponentials, which follow those of the disposition; the lag; the hour at which a swallowed dose peaks.

    Where it arrives in two waves, those are the first one's, and the second's come after them with the share of the first.
    """
    amplitude, rate, lag = pulses.amplitude[:, 0, 1:], pulses.rate[:, 0, 1:], pulses.lag[:, 0, 1:]  # subject wave ...
    time = torch.arange(1, 241) / 10
    since = (time - lag[..., None]).clamp(min=0)[..., None]
    curve = (amplitude[:, :, None] * torch.exp(-rate[:, :, None] * since)).sum((1, -1))
    ka, share = rate[..., rate.shape[-1] // pulses.blocks], (amplitude / rate).sum(-1)
    found = [
        Property("ka", "Absorption rate", "1/h", ka[:, 0].float().numpy()),
        Property("lag", "Absorption lag", "h", lag[:, 0].float().numpy()),
        Property("peak_time", "Time of the peak, swallowed", "h", time[curve.argmax(-1)].numpy()),
    ]
    if lag.shape[1] < 2:
        return found
    return [
        *found,
        Property("share", "Absorbed at the first site", "%", (100 * share[:, 0] / share.sum(1)).float().numpy()),
        Property("ka2", "Absorption rate of the second wave", "1/h", ka[:, 1].float().numpy()),
        Property("lag2", "Lag of the second wave", "h", lag[:, 1].float().numpy()),
    ]


def _complexity(pulses: Pulses) -> list[Property]:
    """Nothing where every patient has one compartment."""
    distance = distance_from_one_compartment(pulses)[:, 0].float().numpy()
    return [Property("complexity", "Distance from one compartment", "%", distance)] if distance.max() > ROUND_OFF else []


def _covariates(card: DrugCard, patients: VirtualPatients) -> list[Property]:
    known = [(spec, patients.population.covariates[:, i].numpy()) for i, spec in enumerate(card.covariates)]
    return [Property(s.name, s.label, "" if s.choices else s.unit, v, tuple(map(str.capitalize, s.choices))) for s, v in known if not np.isnan(v).any()]


def _published_model(card: DrugCard, patients: VirtualPatients) -> Property:
    names = tuple(f"{m.name[:-4].capitalize()} {m.name[-4:]}" for m in card.published_models)
    return Property("published_model", "Published model", "", patients.model.numpy().astype(np.float32), names)
