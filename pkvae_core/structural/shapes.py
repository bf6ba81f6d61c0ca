"""Which shapes do compartment models miss, and what turns each of them? Seven synthetic kinds of patient, each with two to four knobs."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from pkvae_core.structural.shape_curves import (
    Curves,
    Parameters,
    delayed,
    food,
    multi_phase,
    recirculation,
    saturable,
    target_mediated,
    two_sites,
)

END_H, POINTS = 36.0, 97
TIMES_H = END_H * (torch.arange(1, POINTS + 1, dtype=torch.float64) / POINTS) ** 1.5  # dense where curves bend most
STOPS = (1.0, 1.3, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0)
USUAL_DOSE_mg, LEAST_DOSE_mg, LARGEST_DOSE_mg = 300.0, 50.0, 1000.0


@dataclass(frozen=True)
class Knob:
    """What a reader may turn: a parameter with its unit and range. Virtual patients lie anywhere in the range, evenly (of the logarithm where `is_log`).

    A switch is 0 or 1; a knob that `needs` one does nothing while it is 0."""

    name: str
    words: str
    unit: str
    low: float
    high: float
    usual: float
    is_log: bool = False
    is_switch: bool = False
    needs: str = ""

    @property
    def step(self) -> float:
        """Of a slider: a twentieth to a fiftieth of the range, round."""
        wide = self.high - self.low
        return 0.05 if wide <= 2 else 0.1 if wide <= 4 else 0.25

    @property
    def stops(self) -> tuple[float, ...]:
        """Round values of the range, for a logarithmic knob."""
        powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        return tuple(value for p in powers for m in STOPS if self.low <= (value := round(m * 10.0**p, 6)) <= self.high)

    def draw(self, count: int, generator: torch.Generator) -> Float[Tensor, " patient"]:
        even = torch.rand(count, dtype=torch.float64, generator=generator)
        if self.is_switch:
            return (even < 0.5).double()
        return torch.exp(math.log(self.low) + even * math.log(self.high / self.low)) if self.is_log else self.low + even * (self.high - self.low)


DOSE = Knob("dose", "Dose", "mg", 2 * LEAST_DOSE_mg, LARGEST_DOSE_mg / 2, USUAL_DOSE_mg, is_log=True)  # so that half and twice can be asked for


@dataclass(frozen=True)
class Shape:
    """One kind: its knobs, the median and coefficient of variation of what else differs between patients (log-normal), and its curve."""

    name: str
    where: str
    knobs: tuple[Knob, ...]
    others: Mapping[str, tuple[float, float]]
    curve: Callable[[Parameters, Tensor, Tensor], Curves]
    is_swallowed: bool = True
    is_proportional: bool = True

    def of(self, turned: Mapping[str, float]) -> Parameters:
        """The patient with these knobs, in all else typical. `dose` is no part of a patient."""
        known = {knob.name: turned[knob.name] for knob in self.knobs if knob.name != "dose"} | {name: median for name, (median, _) in self.others.items()}
        return {name: torch.tensor([value], dtype=torch.float64) for name, value in known.items()}

    def draw(self, count: int, generator: torch.Generator) -> Parameters:
        """Fresh virtual patients: knobs anywhere in their ranges, all else log-normal."""
        turned = {knob.name: knob.draw(count, generator) for knob in self.knobs if knob.name != "dose"}
        for name, (median, cv) in self.others.items():
            sd = math.sqrt(math.log1p(cv**2))
            turned[name] = median * torch.exp(sd * torch.randn(count, dtype=torch.float64, generator=generator))
        return turned

    def curves(self, parameters: Parameters, dose_mg: Float[Tensor, " patient"], time_h: Tensor = TIMES_H) -> Curves:
        """True concentrations (mg/L)."""
        return self.curve(parameters, dose_mg.double(), time_h)


ORAL = {"CL": (3.0, 0.3), "V": (35.0, 0.2), "ka": (1.2, 0.4)}
SHAPES = (
    Shape(
        "Multi-phase, odd exponents",
        "A stretched exponential and a power law, into the vein: deep tissues, binding to bone, as of amiodarone or bisphosphonates.",
        (
            Knob("stretch", "Exponent of the stretched part", "", 0.3, 1.0, 0.5),
            Knob("power", "Exponent of the power law", "", 0.6, 2.5, 1.0),
            Knob("share", "Share of the power law", "", 0.0, 0.6, 0.3),
        ),
        {"V": (20.0, 0.25), "tau": (2.0, 0.4), "t0": (0.7, 0.4)},
        multi_phase,
        is_swallowed=False,
    ),
    Shape(
        "Lag and transit",
        "Nothing, then a slow rise through three transit compartments, as of tacrolimus.",
        (Knob("lag", "Lag", "h", 0.0, 4.0, 1.0), Knob("transit", "Time through the gut", "h", 0.5, 6.0, 3.0)),
        {name: ORAL[name] for name in ("CL", "V")},
        delayed,
    ),
    Shape(
        "Two absorption sites",
        "A second part of the dose arrives hours after the first: a second peak.",
        (Knob("share", "Share of the second site", "", 0.0, 0.9, 0.5), Knob("lag2", "Its lag", "h", 2.0, 10.0, 6.0)),
        ORAL | {"ka2": (1.0, 0.4), "lag1": (0.25, 0.3)},
        two_sites,
    ),
    Shape(
        "Food",
        "Fed, the stomach lets the dose go slowly and evenly; how much is absorbed may change.",
        (
            Knob("fed", "Fed", "", 0.0, 1.0, 1.0, is_switch=True),
            Knob("emptying", "Emptying of the fed stomach", "h", 1.0, 8.0, 4.0, needs="fed"),
            Knob("gain", "Absorbed, fed over fasted", "", 0.5, 2.0, 1.3, is_log=True, needs="fed"),
        ),
        ORAL | {"lag": (0.4, 0.4)},
        food,
    ),
    Shape(
        "Recirculation through the bile",
        "Two meals six hours apart empty the gallbladder into the gut, and the drug is absorbed again, as of mycophenolate.",
        (
            Knob("meal", "First meal", "h", 2.0, 10.0, 6.0),
            Knob("share", "Share of the metabolite that goes into the bile", "", 0.0, 0.8, 0.6),
            Knob("emptied", "Share of the bile that a meal empties", "", 0.1, 0.95, 0.8),
        ),
        {"CL": (8.0, 0.3), "V": (30.0, 0.2), "Q": (2.0, 0.3), "V2": (30.0, 0.3), "CLm": (3.0, 0.3), "Vm": (4.0, 0.3), "ka": (1.5, 0.4)},
        recirculation,
    ),
    Shape(
        "Saturable elimination",
        "Michaelis-Menten: the body works at its limit until the concentration has fallen below Km, as of phenytoin or ethanol.",
        (Knob("Km", "Km", "mg/L", 0.3, 20.0, 1.0, is_log=True), DOSE),
        {"Vmax": (18.0, 0.3), "V": (35.0, 0.2), "ka": (1.2, 0.4)},
        saturable,
        is_proportional=False,
    ),
    Shape(
        "Target-mediated disposition",
        "A target binds the drug and takes it with it: little drug vanishes, much drug does not. Free drug is measured, as of antibodies.",
        (Knob("R0", "Target before the dose", "mg/L", 0.3, 6.0, 2.0, is_log=True), Knob("KSS", "KSS", "mg/L", 0.05, 2.0, 0.2, is_log=True), DOSE),
        {"CL": (1.5, 0.3), "V": (30.0, 0.2), "ka": (0.7, 0.4), "kdeg": (0.2, 0.3), "kint": (0.5, 0.3)},
        target_mediated,
        is_proportional=False,
    ),
)
