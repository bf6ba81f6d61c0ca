"""Where does training begin? A model of the right shape, whose scales, centres and times come from a sample of the drug's virtual patients."""

import math
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.occasions import varies_between_occasions
from pkvae_core.drugs.population import VirtualPatients, simulate
from pkvae_core.drugs.regimens import average_concentration
from pkvae_core.structural.body import Body
from pkvae_core.structural.exponentials import Pulses
from pkvae_core.structural.recirculation import Recirculating
from pkvae_core.structural.responses import Responses
from pkvae_core.structural.target_mediated import TargetMediated
from pkvae_core.vae.encoder import Scales
from pkvae_core.vae.recirculation import CURVE_H, centre
from pkvae_core.vae.vae import PKVAE, Configuration

FIRST_H, POINTS, LAST_H, LAST_OF_POWER_H = 0.15, 24, 1000.0, 5000.0  # of the teacher's curve
STEP_H = 0.35  # between its points where several waves may make peaks within the hour
CLOCK_H = 0.05  # three minutes: no better does a ward know when a capsule was swallowed
TERMS = 3
ABSORBED_PER_H = 0.25  # a slow dose is absorbed at this rate on the encoder's clock, in the middle of what it remembers (see `encoder`)


def untrained(card: DrugCard, *, seed: int, latent: int | None = None) -> PKVAE:
    """A model of the right shape whose scales come from a sample of the drug's virtual patients; of `latent` dimensions, or of as many as the drug is known to
    need. Where these are few, absorption gets at most half of them."""
    sample = simulate(card, 10_000, torch.Generator().manual_seed(seed + 10_000_019))
    now = sample.responses.now
    starts = {Recirculating: _of_meals, TargetMediated: _of_targets}
    model = (_of_pulses if isinstance(now, Pulses) else starts.get(type(now), _of_bodies))(card, sample, seed, latent)
    curve = model.curve(now)[:, 0]
    model.teacher.mean, model.teacher.sd = curve.mean(0), curve.std(0).clamp(min=0.05)
    return model


def _absorption(usual: int, latent: int) -> int:
    """How many of the latents are absorption's own."""
    return min(usual, latent // 2)


def _scales(card: DrugCard, sample: VirtualPatients, volume: float) -> Scales:
    table = sample.population.covariates
    is_log = tuple(c.low > 0 for c in card.covariates)
    value = torch.where(torch.tensor(is_log), table.clamp(min=1e-6).log(), table)
    return Scales(tuple(value.mean(0).tolist()), tuple(value.std(0).clamp(min=1e-3).tolist()), is_log, average_concentration(card), volume)


def _of_pulses(card: DrugCard, sample: VirtualPatients, seed: int, latent: int | None) -> PKVAE:
    is_oral = len(card.routes) > 1
    onset: dict[str, Any] = _onset(sample) if is_oral else {"absorption": 0}
    size = latent or (4 + onset["absorption"] if is_oral else 5)
    onset["absorption"] = _absorption(onset["absorption"], size)
    vein = Pulses(sample.pulses.amplitude[:, :, :1], sample.pulses.rate[:, :, :1], sample.pulses.lag[:, :, :1])
    is_used = vein.amplitude[:, 0, 0] > 0
    volume = float((1 / (vein.amplitude[:, 0, 0] * is_used).sum(-1)).median())
    slowest = torch.where(is_used, vein.rate[:, 0, 0], torch.inf).min(-1).values
    terms = int(is_used.sum(-1).max())  # more than usual is a power of time, which has no one half-life
    is_power = terms > TERMS
    end = min(float(4 * math.log(2) / slowest.quantile(0.1)), LAST_OF_POWER_H if is_power else LAST_H)
    configuration = Configuration(
        scales=_scales(card, sample, volume),
        models=len(card.published_models),
        routes=len(card.routes),
        curve_times_h=_curve_times(sample, end),
        latent=size,
        terms=max(terms, TERMS),
        stages=sample.pulses.stages,
        has_occasions=varies_between_occasions(card),
        **onset,
    )
    torch.manual_seed(seed)
    model = PKVAE(configuration, card)
    if is_power:
        model.decoder.centre_disposition = torch.stack([table[:, 0, 0, :terms].log().median(0).values for table in (vein.amplitude, vein.rate)])
    else:
        rates = vein.rate[:, 0, 0][is_used].log()
        amplitudes = torch.full((TERMS,), math.log(1 / volume / TERMS))
        model.decoder.centre_disposition = torch.stack([amplitudes, rates.quantile(torch.linspace(0.9, 0.1, TERMS))])
    if is_oral:
        model.decoder.centre_onset = _typical_onset(sample.pulses)
    return model


def _onset(sample: VirtualPatients) -> dict[str, Any]:
    """What the configuration says of absorption: waves, latents (one for each of shares, rates and lags), whether covariates act on it, and the clock."""
    assert isinstance(sample.responses, Responses)
    lag = sample.pulses.lag[:, 0, 1:]
    waves, is_cliff = lag.shape[-1], float(lag.median()) > FIRST_H
    changes = sample.responses.onset_changes
    return {"waves": waves, "absorption": 3 * waves - 1, "onset_changes": changes, "clock_h": CLOCK_H if is_cliff else 0.0}


def _curve_times(sample: VirtualPatients, end: float) -> tuple[float, ...]:
    """Hours at which the teacher sees the curve: closer together early on, and evenly as long as a later wave may come."""
    sparse = torch.logspace(math.log10(FIRST_H), math.log10(end), POINTS)
    if sample.pulses.lag.shape[-1] <= 2:
        return tuple(sparse.tolist())
    last = sample.pulses.lag[:, 0, -1].quantile(0.95) + 1.5 / _rates(sample.pulses)[:, -1].median()
    dense = torch.arange(FIRST_H, float(last), STEP_H)
    return tuple(torch.cat([dense, sparse[sparse > dense[-1] + STEP_H]]).tolist())


def _rates(pulses: Pulses) -> Float[Tensor, "subject wave"]:
    """Absorption rate of each wave (1/h): that of the first exponential of the onset."""
    return pulses.rate[:, 0, 1:, pulses.rate.shape[-1] // pulses.blocks]


def _typical_onset(pulses: Pulses) -> Float[Tensor, " onset"]:
    """Logarithms of rate and lag of the population's middle; with several waves, the logits of their shares before those."""
    lag = pulses.lag[:, 0, 1:].clamp(min=1e-3).log()
    if lag.shape[-1] == 1:
        return torch.stack([pulses.rate[:, 0, 1].max(-1).values.log().median(), lag.median()])
    area = (pulses.amplitude / pulses.rate).sum(-1)[:, 0]
    share = (area[:, 1:] / area[:, :1]).log()
    return torch.cat([table.median(0).values for table in (share, _rates(pulses).log(), lag)])


def _of_bodies(card: DrugCard, sample: VirtualPatients, seed: int, latent: int | None) -> PKVAE:
    """The backbone starts from the typical clearance at two concentrations: Vmax and Km of the body that has both."""
    body, high = sample.responses.now, average_concentration(card)
    assert isinstance(body, Body)
    volume, fast, slow = (float(table.median()) for table in (body.disposition()["V"], body.clearance(0.0), body.clearance(high)))
    Km = high * slow / (fast - slow)
    configuration = Configuration(
        scales=_scales(card, sample, volume),
        models=len(card.published_models),
        routes=len(card.routes),
        curve_times_h=(),
        latent=latent or 5,
        absorption=1,
        clearance_at_mg_per_L=tuple(torch.logspace(math.log10(high / 30), math.log10(4 * high), 16).tolist()),
    )
    torch.manual_seed(seed)
    model = PKVAE(configuration, card)
    model.decoder.centre = torch.tensor([fast * Km, Km, volume, float(body.ka.median())]).log()
    return model


def _of_meals(card: DrugCard, sample: VirtualPatients, seed: int, latent: int | None) -> PKVAE:
    """The flow starts from the median of every parameter."""
    body = sample.responses.now
    assert isinstance(body, Recirculating)
    configuration = Configuration(
        scales=_scales(card, sample, float(body.disposition()["V"].median())),
        models=len(card.published_models),
        routes=len(card.routes),
        curve_times_h=CURVE_H,
        latent=latent or 8,
        absorption=_absorption(2, latent or 8),
        has_meals=True,
    )
    torch.manual_seed(seed)
    model = PKVAE(configuration, card)
    model.decoder.centre = centre(body)
    return model


def _of_targets(card: DrugCard, sample: VirtualPatients, seed: int, latent: int | None) -> PKVAE:
    """The backbone starts from the published model's medians; z_target counts the target's level in standard deviations of its logarithm."""
    body, level = sample.responses.now, average_concentration(card)
    assert isinstance(body, TargetMediated)
    volume = float(body.V.median())
    configuration = Configuration(
        scales=replace(_scales(card, sample, volume), hours=ABSORBED_PER_H / float(body.ka.median())),
        models=len(card.published_models),
        routes=len(card.routes),
        curve_times_h=(),
        latent=latent or 7,
        absorption=1,
        clearance_at_mg_per_L=tuple(torch.logspace(math.log10(level / 30), math.log10(4 * level), 8).tolist()),
        backbone="target",
    )
    torch.manual_seed(seed)
    model = PKVAE(configuration, card)
    moved = (body.CL, body.excess_CL, body.target_CL, body.V, body.complex_V, body.production, body.ka)
    model.decoder.centre = torch.tensor([float(table.median()) for table in moved]).log()
    baseline = body.baseline.log()
    model.decoder.target = torch.stack([baseline.mean(), baseline.std(), body.Kd0.median()])
    return model
