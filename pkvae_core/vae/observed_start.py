"""Where does learning from a cohort begin? A typical patient read off doses and levels, before anything is fitted."""

import math
import warnings

import torch
from jaxtyping import Float
from torch import Tensor

from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.population import Population
from pkvae_core.vae.encoder import Scales
from pkvae_core.vae.first_guess import together, typical_patients
from pkvae_core.vae.observed_model import ObservedVAE
from pkvae_core.vae.vae import Configuration

PROPORTIONAL, ADDITIVE_SHARE = 0.2, 0.05  # residual error to begin with; the additive part as a share of the median level


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


def blank(card: DrugCard, population: Population, *, latent: int, arrivals: int, terms: int, stages: int, width: int) -> ObservedVAE:
    """An untrained model whose typical patient lies close to the levels; torch's generator sets how members differ."""
    return blanks(card, population, 1, latent=latent, arrivals=arrivals, terms=terms, stages=stages, width=width)[0]


def blanks(card: DrugCard, population: Population, count: int, **sizes: int) -> list[ObservedVAE]:
    """Several of them (see `blank` for `sizes`), each around another of the closest typical patients, the closest first; at most `GUESSES`."""
    scales, span = scales_of(card, population), span_h(population)
    configuration = Configuration(
        scales=scales,
        models=1,
        routes=len(card.routes),
        curve_times_h=tuple(torch.logspace(math.log10(span / 100), math.log10(2 * span), 24).tolist()),
        components=2,
        errors=((PROPORTIONAL, ADDITIVE_SHARE * scales.concentration),),
        **sizes,  # pyright: ignore[reportArgumentType]
    )
    first = _untaught(configuration, card)
    centres = typical_patients(first.decoder, population, scales, span)[:count]
    return [_around(first if i == 0 else _untaught(configuration, card), centre) for i, centre in enumerate(centres)]


def _untaught(configuration: Configuration, card: DrugCard) -> ObservedVAE:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Initializing zero-element tensors")  # a card without covariates
        return ObservedVAE(configuration, card)


def _around(model: ObservedVAE, centre: Float[Tensor, " parameter"]) -> ObservedVAE:
    with torch.no_grad():
        model.decoder.centre.copy_(centre)
        model.decoder.straight.weight.copy_(together(model.decoder))
    return model
