"""Where does learning from a cohort begin? A typical patient read off doses and levels, before anything is fitted."""

import math
import warnings

import torch

from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.population import Population, rows
from pkvae_core.structural.responses import Responses
from pkvae_core.vae.arrivals import SPREAD
from pkvae_core.vae.encoder import Scales
from pkvae_core.vae.observed_model import ObservedVAE
from pkvae_core.vae.vae import Configuration

PROPORTIONAL, ADDITIVE_SHARE = 0.2, 0.05  # residual error to begin with; the additive part as a share of the median level
LAGS, ONSETS, SHARES = (0.02, 0.15, 0.3, 0.45), (12.0, 12.0, 12.0, 12.0), (0.0, 0.0, 0.0, 0.0)  # of the waves, in spans, per span, and as logits
RATES, PARTS = (2.0, 6.0, 0.5), (0.5, 0.5, 0.02)  # of the exponentials, per span
JITTER = 0.2  # by which the members' first guesses differ (sd of logarithms)
GUESSES, GUESS_STEPS, GUESS_SPREAD, TASTERS = 24, 150, 0.4, 128
MOST_WAVES, MOST_TERMS = len(LAGS), len(RATES)


def scales_of(card: DrugCard, population: Population) -> Scales:
    """Means and spreads of the covariates that are known, the median level, and the volume that a first dose fills at it."""
    is_log = tuple(c.name != "SEX" and c.low >= 0 and c.high > 1 for c in card.covariates)
    table = torch.where(torch.tensor(is_log, dtype=torch.bool), population.covariates.clamp(min=1e-6).log(), population.covariates)
    known = [column[~column.isnan()] for column in table.unbind(1)]
    mean = tuple(float(column.mean()) if len(column) else 0.0 for column in known)
    sd = tuple(max(float(column.std()), 1e-3) if len(column) > 1 else 1.0 for column in known)
    level = float(population.level[population.is_sample].median())
    first = population.doses.amount[:, 0]
    return Scales(mean, sd, is_log, level, float(first[first > 0].median()) / level)


def span_h(population: Population) -> float:
    """Hours from a dose to the last levels after it: nine in ten levels lie within."""
    since = population.sample_time[:, :, None] - population.doses.time[:, None]
    is_before = (since > 0) & (population.doses.amount > 0)[:, None]
    last = torch.where(is_before, since, torch.inf).min(-1).values
    found = last[population.is_sample & last.isfinite()]
    if not len(found):
        raise ValueError("no patient of the cohort has a level after a dose; nothing can be learned from it. Check the times of doses and levels.")
    return max(float(found.quantile(0.9)), 0.1)


def blank(card: DrugCard, population: Population, *, latent: int, arrivals: int, terms: int, width: int, stages: int = 1) -> ObservedVAE:
    """An untrained model whose typical patient fits the size and the duration of the levels; torch's generator sets how members differ."""
    scales, span = scales_of(card, population), span_h(population)
    configuration = Configuration(
        scales=scales,
        models=1,
        routes=len(card.routes),
        curve_times_h=tuple(torch.logspace(math.log10(span / 100), math.log10(2 * span), 24).tolist()),
        latent=latent,
        components=2,
        terms=terms,
        errors=((PROPORTIONAL, ADDITIVE_SHARE * scales.concentration),),
        arrivals=arrivals,
        stages=stages,
        width=width,
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Initializing zero-element tensors")  # a card without covariates
        model = ObservedVAE(configuration, card)
    _begin(model, population, span)
    return model


def _begin(model: ObservedVAE, population: Population, span: float) -> None:
    """The decoder's typical patient: of several first guesses the one that comes to lie closest to all levels; and latents that move parameters together."""
    decoder = model.decoder
    terms, waves, stages = decoder.terms, decoder.arrivals, decoder.stages
    scales = model.configuration.scales
    first = torch.tensor(
        [
            *[math.log(part / scales.volume) for part in PARTS[:terms]],
            *[math.log(r / span) for r in RATES[:terms]],
            *SHARES[:waves],
            *[math.log(stages * r / span) for r in ONSETS[:waves]],
            *[math.log(r * span) for r in LAGS[:waves]],
        ]
    )
    index = torch.randperm(len(population.covariates))[:TASTERS]
    some = rows(population, index)
    guesses = torch.nn.Parameter(first + GUESS_SPREAD * torch.randn(GUESSES, len(first)))
    optimiser = torch.optim.Adam([guesses], lr=0.05)
    floor = 0.05 * scales.concentration
    for i in range(GUESS_STEPS):
        optimiser.param_groups[0]["lr"] = 0.05 * (1 - i / GUESS_STEPS)
        pulses = decoder.pulses(guesses[None])
        pulses = pulses.map(lambda table: table.expand(len(index), *[-1] * (table.ndim - 1)))
        concentration = Responses(pulses).curves(some.doses, some.sample_time)[0]
        miss = ((concentration + floor).log() - (some.level[:, None] + floor).log()).abs() * some.is_sample[:, None]
        loss = miss.sum((0, 2)) / some.is_sample.sum()
        optimiser.zero_grad()
        loss.sum().backward()
        torch.nn.utils.clip_grad_norm_([guesses], 100.0)
        optimiser.step()
    with torch.no_grad():
        decoder.centre.copy_(guesses[loss.nan_to_num(1e9).argmin()])
        groups = [terms, terms, waves, waves, waves]
        pattern = torch.zeros(5, len(first))
        edges = [0, *torch.tensor(groups).cumsum(0).tolist()]
        for row, group in enumerate((0, 1, 3, 4, 2)):
            pattern[row, edges[group] : edges[group + 1]] = 1.0
        if waves:
            pattern[4, edges[2] + 1 : edges[3]] = -1.0
        latent = min(5, decoder.straight.weight.shape[1])
        decoder.straight.weight[:, :latent].mul_(0.3)
        decoder.straight.weight[:, :latent] += SPREAD * pattern[:latent].T
