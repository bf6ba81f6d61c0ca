"""Where do patients lie in the latent space, and which curves do its points stand for?

The map shows virtual patients from the drug's published models: the teacher reads each one's whole true curve and says where it lies.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.population import Population, course, simulate
from pkvae_core.insight.properties import Property, known_properties
from pkvae_core.patient import Dose, Patient, Regimen
from pkvae_core.structural.any_responses import AnyResponses
from pkvae_core.vae.vae import PKVAE

Points = Float[np.ndarray, "subject latent"]


@dataclass(frozen=True)
class LatentMap:
    """A population in latent coordinates, with what is known of each patient."""

    z: Points
    properties: tuple[Property, ...]

    @property
    def varying(self) -> tuple[Property, ...]:
        """What differs between the patients."""
        return tuple(p for p in self.properties if p.varies)

    @property
    def centre(self) -> Float[np.ndarray, " latent"]:
        return self.z.mean(0)

    def property(self, name: str) -> Property:
        return next(p for p in self.properties if p.name == name)


@dataclass(frozen=True)
class Bundle:
    """The curves of several patients: median, middle 50 % and middle 90 % at each time (mg/L)."""

    time_h: Float[np.ndarray, " time"]
    median: Float[np.ndarray, " time"]
    low50: Float[np.ndarray, " time"]
    high50: Float[np.ndarray, " time"]
    low90: Float[np.ndarray, " time"]
    high90: Float[np.ndarray, " time"]

    @classmethod
    def of(cls, time_h: Float[np.ndarray, " time"], concentration: Float[np.ndarray, "subject time"]) -> "Bundle":
        low90, low50, median, high50, high90 = np.quantile(concentration, [0.05, 0.25, 0.5, 0.75, 0.95], axis=0)
        return cls(time_h, median, low50, high50, low90, high90)


def has_latent_space(model: PKVAE) -> bool:
    """Whether this model places patients in one latent space: an ensemble's members each have their own."""
    return hasattr(model, "teacher") and hasattr(model, "decoder")


@torch.no_grad()
def map_population(model: PKVAE, count: int, generator: torch.Generator) -> LatentMap:
    """`count` fresh virtual patients of the model's drug, each one draw of the teacher's belief about its true curve, as in training."""
    patients = simulate(model.card, count, generator)
    teacher = model.teacher(model.curve(patients.responses.now)[:, 0])
    z = teacher.mean + (teacher.scale_tril @ torch.randn(*teacher.mean.shape, 1, generator=generator))[..., 0]
    return LatentMap(z.numpy(), known_properties(model.card, patients))


@torch.no_grad()
def responses(model: PKVAE, z: Points) -> AnyResponses:
    """How the patients at these points answer to doses: one subject, the points as its draws."""
    nobody = Population.of(model.card, [Patient("a point of the latent space")])
    return model.responses(torch.as_tensor(z, dtype=torch.float32)[None], nobody)


@torch.no_grad()
def decode(model: PKVAE, z: Points, doses: Sequence[Dose], time_h: Float[np.ndarray, " time"]) -> Float[np.ndarray, "subject time"]:
    """The concentrations (mg/L) that these latent points stand for after the same doses."""
    time = torch.as_tensor(time_h, dtype=torch.float32)[None]
    return responses(model, z).curves(course(model.card, [doses]), time)[0][0].numpy()


def typical_regimen(card: DrugCard) -> Regimen:
    """The regimen after which points of the map are drawn as curves."""
    usual = card.typical_regimen
    return Regimen(usual.amount_mg, usual.interval_h, usual.infusion_h, product=usual.product)


def course_times(doses: Sequence[Dose], end_h: float, *, points: int = 200) -> Float[np.ndarray, " time"]:
    """Times (h) to draw a course at: every dose and every end of an infusion is among them, so that peaks are sharp."""
    corners = [t for d in doses for t in (d.time_h, d.time_h + 1e-3, d.time_h + d.infusion_h)]
    return np.union1d(np.linspace(0, end_h, points), corners)


def spread(known: Property, chosen: Sequence[int]) -> tuple[float, float, float]:
    """Median, 5th and 95th percentile of a property among the chosen patients."""
    low, median, high = np.quantile(known.values[list(chosen)], [0.05, 0.5, 0.95])
    return float(median), float(low), float(high)


def shares(known: Property, chosen: Sequence[int]) -> dict[str, float]:
    """Which part of the chosen patients belongs to each group."""
    values = known.values[list(chosen)]
    return {name: float((values == i).mean()) for i, name in enumerate(known.categories)}
