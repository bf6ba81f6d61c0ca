"""Who are virtual patients whose covariates are known to matter, or not to?

Adults on an infused drug of two compartments. Clearance follows
    4.5 (WT/70)^0.75 (CRCL/80)^0.6 x 0.7 if SHIFT x 1.4^(u^2) x 1.4^(1/2 or -1/2) x exp(eta),   u = (U - 50)/50,
where the last but one is up if exactly one of "A above its median" and "B" holds (neither has any effect on average), central volume is proportional to weight,
and ten other covariates do nothing: four follow WT, CRCL, U and A with correlation 0.7, four are numbers and two are groups by themselves.
The etas have 30 % (clearance), 20 % (central), 30 % (peripheral) and 30 % (flow between); levels err by 15 % and 0.5 mg/L.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.population import course
from pkvae_core.patient import Covariate, Dose, Patient, Sample
from pkvae_core.structural.compartments import two_compartment
from pkvae_core.structural.exponentials import Pulses, superpose

MAIN = {"CL": ("WT", "CRCL", "SHIFT", "U"), "V": ("WT",), "auc24": ("WT", "CRCL", "SHIFT", "U")}
XOR = frozenset({"A", "B"})
FOLLOWERS = {"N1": "WT", "N2": "CRCL", "N3": "U", "N4": "A"}
FOLLOWING = 0.7  # their correlation with the one that they follow
TWO_GROUPS = {"B": 0.5, "SHIFT": 0.05, "N9": 0.5, "N10": 0.2}  # and how many are in the second
NULLS = tuple(f"N{i}" for i in range(1, 11))
INTERVAL_H, DOSES, INFUSION_H, MG_PER_KG = 12.0, 6, 1.0, 15.0
PROPORTIONAL, ADDITIVE_MG_PER_L, LLOQ_MG_PER_L = 0.15, 0.5, 0.5


@dataclass(frozen=True)
class KnownEffects:
    """The patients and the truth about each: clearance (L/h) and volume at steady state (L)."""

    patients: tuple[Patient, ...]
    clearance_L_per_h: np.ndarray
    volume_L: np.ndarray


def known_effects(card: DrugCard, count: int, seed: int) -> KnownEffects:
    """A population of this card's first product, 3 to 5 levels each."""
    random = np.random.default_rng(seed)
    covariates = _covariates(count, random)
    eta = random.standard_normal((4, count)) * np.array([0.3, 0.2, 0.3, 0.3])[:, None]
    clearance, central = _clearance(covariates) * np.exp(eta[0]), 0.45 * covariates["WT"] * np.exp(eta[1])
    flow, peripheral = 4.0 * np.exp(eta[3]), 0.45 * covariates["WT"] * np.exp(eta[2])
    amplitude, rate = two_compartment(*(torch.from_numpy(v)[:, None] for v in (clearance, central, flow, peripheral)))
    pulses = Pulses(amplitude[:, :, None], rate[:, :, None], torch.zeros(count, 1, 1, dtype=torch.float64))
    doses = [_doses(card, float(weight)) for weight in covariates["WT"]]
    times, noise = zip(*(_sampling(random) for _ in range(count)), strict=True)
    most = max(map(len, times))
    padded = torch.tensor(np.array([np.pad(t, (0, most - len(t)), mode="edge") for t in times]), dtype=torch.float32)
    single = Pulses(*(getattr(pulses, name).float() for name in ("amplitude", "rate", "lag")))
    true = superpose(single, course(card, doses), padded)[0][:, 0].double().numpy()
    patients = tuple(
        Patient(str(i + 1), doses[i], _samples(times[i], true[i], noise[i]), tuple(Covariate(name, float(v[i])) for name, v in covariates.items()))
        for i in range(count)
    )
    return KnownEffects(patients, clearance, central + peripheral)


def _covariates(count: int, random: np.random.Generator) -> Mapping[str, np.ndarray]:
    normal = {name: random.standard_normal(count) for name in ("WT", "CRCL", "U", "A", *NULLS)}
    for follower, leader in FOLLOWERS.items():
        normal[follower] = FOLLOWING * normal[leader] + math.sqrt(1 - FOLLOWING**2) * normal[follower]
    groups = {name: (random.random(count) < share).astype(float) for name, share in TWO_GROUPS.items()}
    shaped = {
        "WT": 75 * np.exp(0.22 * normal["WT"]),
        "CRCL": 80 * np.exp(0.4 * normal["CRCL"]),
        "U": 100 * np.array([0.5 * math.erfc(-z / math.sqrt(2)) for z in normal["U"]]),
        "A": 40 + 10 * normal["A"],
    }
    return shaped | {name: 10 + 2 * normal[name] for name in NULLS} | groups


def _clearance(c: Mapping[str, np.ndarray]) -> np.ndarray:
    """What is typical of these covariates (L/h)."""
    is_up = (c["A"] > 40) != (c["B"] > 0.5)
    u = (c["U"] - 50) / 50
    return 4.5 * (c["WT"] / 70) ** 0.75 * (c["CRCL"] / 80) ** 0.6 * 0.7 ** c["SHIFT"] * 1.4 ** (u**2) * 1.4 ** (is_up - 0.5)


def _doses(card: DrugCard, weight_kg: float) -> tuple[Dose, ...]:
    """Six doses by weight, every 12 h."""
    amount_mg = 250 * max(round(MG_PER_KG * weight_kg / 250), 1)
    return tuple(Dose(INTERVAL_H * k, amount_mg, INFUSION_H, card.products[0].name) for k in range(DOSES))


def _sampling(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Hours of 3 to 5 levels, in turn soon after an infusion and a trough, each after any dose but the first; and their standard normal errors."""
    number = int(random.integers(3, 6))
    interval = random.integers(1, DOSES, number)
    late = np.arange(number) % 2 == 1
    after = np.where(late, random.uniform(8, 11.9, number), random.uniform(1.3, 5, number))
    time_h = np.unique(INTERVAL_H * interval + after)
    return time_h, random.standard_normal(len(time_h))


def _samples(time_h: np.ndarray, true: np.ndarray, noise: np.ndarray) -> tuple[Sample, ...]:
    """What the laboratory reports; below 0.5 mg/L only that it is below."""
    true = true[: len(time_h)]
    levels = true + np.hypot(PROPORTIONAL * true, ADDITIVE_MG_PER_L) * noise
    return tuple(Sample(float(t), float(c)) if c > LLOQ_MG_PER_L else Sample(float(t), None, LLOQ_MG_PER_L) for t, c in zip(time_h, levels, strict=True))
