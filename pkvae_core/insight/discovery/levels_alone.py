"""What do a patient's levels alone say of clearance, volume and exposure, without what the model believes of such patients anyhow?

A posterior is drawn towards its prior, and the prior may know covariates already: to regress posterior means on covariates would find what was put in, and
smaller than it is. So the prior is exchanged. With theta = (ln CL, ln V), each patient's draws are weighed by
    Normal(theta; mu, diag omega^2) / t(theta; the moments of the patient's own prior, 5 degrees of freedom: its tails are heavy),
mu and omega being those of this very cohort (EM, the same for every patient, no covariate in it), which also keeps what is not known of volume from blurring
clearance. What is drawn towards mu is then set back, quantity by quantity: where c is the share of omega^2 that the levels leave, and m the mean,
    y = mu + (m - mu) / (1 - c),   variance = omega^2 c / (1 - c).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float

from pkvae_core.dosing.steady_state import steady_spans
from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.population import is_dose_proportional
from pkvae_core.drugs.regimens import average_concentration
from pkvae_core.inference.posterior import Posterior
from pkvae_core.patient import Regimen
from pkvae_core.structural.body import Body
from pkvae_core.structural.exponentials import Pulses, disposition, together
from pkvae_core.structural.periodic import periodic

ROUNDS, SETTLED = 60, 1e-3
FREEDOM = 5
NEGLIGIBLE = 1e-6  # of a patient's heaviest draw: below, a draw is a far outlier of the proposal, which a new prior must not wake
USUAL_VARIANCE, USUAL_WEIGHT = 0.3**2, 0.1  # between patients, counted as one patient in ten: what levels cannot tell must not be told to be nothing
MOST_LEFT = 0.5  # of omega^2: where the levels leave more they say too little
PHASES = 48  # of one dosing interval, in search of its peak


@dataclass(frozen=True)
class Quantity:
    """What an effect is measured on."""

    name: str
    label: str
    unit: str


@dataclass(frozen=True)
class Told:
    """The logarithm of a quantity of each patient as the levels alone tell it, and its variance; NaN where they say too little."""

    quantity: Quantity
    log_value: Float[np.ndarray, " subject"]
    variance: Float[np.ndarray, " subject"]

    @property
    def is_told(self) -> Bool[np.ndarray, " subject"]:
        return ~np.isnan(self.log_value)


Draws = Float[np.ndarray, "subject draw quantity"]
Moments = tuple[Float[np.ndarray, "#subject quantity"], Float[np.ndarray, "#subject quantity quantity"]]  # mean, covariance


def levels_alone(card: DrugCard, posteriors: Sequence[Posterior], priors: Sequence[Posterior]) -> tuple[Told, ...]:
    """Clearance, volume, and the exposure of the card's typical regimen at steady state of each patient. `priors`: one for each, or one that is everybody's."""
    draws, before = (_log_draws(card, some) for some in (posteriors, priors))
    weight, prior_weight = (np.stack([p.weight.double().numpy() for p in some]) for some in (posteriors, priors))
    weight = exchanged(draws[..., :2], weight, _moments(before[..., :2], prior_weight))
    mean, covariance = _moments(draws, weight)
    variance = np.diagonal(covariance, axis1=1, axis2=2)
    centre = mean.mean(0)
    between = mean.var(0) + variance.mean(0)  # of the cohort's draws together
    return tuple(_told(quantity, mean[:, i], variance[:, i], centre[i], between[i]) for i, quantity in enumerate((_clearance(card), VOLUME, _exposure(card))))


def _told(quantity: Quantity, mean: np.ndarray, variance: np.ndarray, centre: float, between: float) -> Told:
    """Set back from what the prior drew them to."""
    left = np.where(variance < MOST_LEFT * between, variance / between, np.nan)
    return Told(quantity, centre + (mean - centre) / (1 - left), between * left / (1 - left))


def exchanged(draws: Draws, weight: Float[np.ndarray, "subject draw"], prior: Moments) -> Float[np.ndarray, "subject draw"]:
    """The weights of the draws when the cohort's own distribution takes the place of each patient's prior (mean, covariance)."""
    off, inverse = draws - prior[0][:, None], np.broadcast_to(np.linalg.inv(prior[1]), (len(draws), *prior[1].shape[1:]))
    distance = np.einsum("sdq,sqr,sdr->sd", off, inverse, off) * FREEDOM / (FREEDOM - 2)
    log_before = -0.5 * (FREEDOM + draws.shape[-1]) * np.log1p(distance / FREEDOM)
    counts = weight > NEGLIGIBLE * weight.max(1, keepdims=True)
    log_bare = np.where(counts, np.log(np.where(counts, weight, 1.0)) - log_before, -np.inf)
    centre, between = np.einsum("sd,sdq->q", weight, draws) / len(draws), np.full(draws.shape[-1], USUAL_VARIANCE)
    for _ in range(ROUNDS):
        log_weight = log_bare - 0.5 * ((draws - centre) ** 2 / between).sum(-1)
        weight = np.exp(log_weight - log_weight.max(1, keepdims=True))
        weight /= weight.sum(1, keepdims=True)
        last, centre = centre, np.einsum("sd,sdq->q", weight, draws) / len(draws)
        spread = np.einsum("sd,sdq->q", weight, (draws - centre) ** 2) / len(draws)
        between = (spread + USUAL_WEIGHT * USUAL_VARIANCE) / (1 + USUAL_WEIGHT)
        if np.abs(centre - last).max() < SETTLED:
            break
    return weight


CLEARANCE, VOLUME = Quantity("CL", "Clearance", "L/h"), Quantity("V", "Volume", "L")


def _clearance(card: DrugCard) -> Quantity:
    """Where it falls as the level rises, that at the level aimed for."""
    return CLEARANCE if is_dose_proportional(card) else replace(CLEARANCE, label=f"Clearance at {average_concentration(card):g} mg/L")


def _exposure(card: DrugCard) -> Quantity:
    if not is_dose_proportional(card):
        return Quantity("auc24", f"AUC over 24 h on day {card.horizon_h / 24:.0f}", "mg h/L")
    target = card.target()
    if target.metric in ("peak", "trough"):
        return Quantity(target.metric, f"{target.metric.capitalize()} at steady state", "mg/L")
    return Quantity("auc24", "AUC over 24 h at steady state", "mg h/L")


def _log_draws(card: DrugCard, posteriors: Sequence[Posterior]) -> Draws:
    """Logarithms of clearance, volume and exposure of each draw of each patient."""
    if not is_dose_proportional(card):
        return np.stack([_of_bodies(card, posterior) for posterior in posteriors])
    first = posteriors[0].responses.pulses
    pulses = [p.responses.pulses for p in posteriors]
    if any(p.amplitude.shape != first.amplitude.shape for p in pulses):
        raise ValueError("the posteriors have different numbers of draws or terms; draw them with one engine and the same number of draws.")
    everybody = together(pulses, 0)
    with torch.no_grad():
        known = disposition(everybody)
        return torch.stack([known["CL"], known["V"], _settled(card, everybody)], -1).log().numpy()


def _of_bodies(card: DrugCard, posterior: Posterior) -> Float[np.ndarray, "draw quantity"]:
    """Of one patient on the typical regimen from no drug on, until the card's horizon."""
    usual, body = card.typical_regimen, posterior.responses.now
    assert isinstance(body, Body)
    regimen = Regimen(usual.amount_mg, usual.interval_h, usual.infusion_h, product=usual.product)
    fresh = replace(posterior.settled(), patient=replace(posterior.patient, doses=(), samples=()))
    auc = steady_spans(fresh, (regimen,), 1)[regimen](usual.amount_mg).area_mg_h_per_L * 24 / usual.interval_h
    with torch.no_grad():
        known = torch.stack([body.clearance(average_concentration(card))[0], body.disposition()["V"][0]], -1)
    return np.log(np.column_stack([known.double().numpy(), np.maximum(auc, np.finfo(float).tiny)]))  # a draw that levels rule out may leave nothing


def _settled(card: DrugCard, pulses: Pulses) -> torch.Tensor:
    """The default target's exposure of the typical regimen once it has settled [subject draw]."""
    usual, metric = card.typical_regimen, card.target().metric
    product = card.product(usual.product)
    route, dose_mg = card.routes.index(product.route), product.active_mg(usual.amount_mg) * product.bioavailability
    if metric not in ("peak", "trough"):
        return dose_mg * 24 / usual.interval_h * pulses.auc()[..., route].double()
    edges = torch.tensor([usual.infusion_h or usual.interval_h / PHASES, usual.interval_h])
    phase = edges[1:] if metric == "trough" else torch.cat([torch.arange(1, PHASES + 1) * usual.interval_h / PHASES, edges[:1]]).unique()
    curve = periodic(pulses, route, phase.to(pulses.rate.dtype), interval_h=usual.interval_h, infusion_h=usual.infusion_h)
    return dose_mg * curve.amax(-1).double()


def _moments(draws: Draws, weight: Float[np.ndarray, "subject draw"]) -> Moments:
    """Weighted mean and covariance of each patient's draws."""
    mean = np.einsum("sd,sdq->sq", weight, draws)
    off = draws - mean[:, None]
    return mean, np.einsum("sd,sdq,sdr->sqr", weight, off, off)
