"""Which typical patient lies closest to all levels of a cohort, before anybody is told from anybody else?

Several guesses, scattered about one, descend on the mean distance of the levels' logarithms, as if all were one patient's (naive pooling). The best is where a
population begins to be learned: from a worse one its waves would have to cross each other. Pooled, though, the second peaks of patients whose hours differ
are one broad one, and the best guess may have lost them: see `auditions`.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from pkvae_core.drugs.population import Population, rows
from pkvae_core.structural.responses import Responses
from pkvae_core.vae.arrivals import SPREAD, ArrivalDecoder
from pkvae_core.vae.encoder import Scales

FIRST_LAG, LAST_LAG = 0.02, 0.45  # of the waves, in spans of the levels after a dose
ONSET, RATES = 12.0, (2.0, 6.0)  # of each wave through all its stages, and between which those of the exponentials lie; per span
GUESSES, SCATTER, STEPS, RATE = 24, 0.4, 150, 0.05
ASKED = 128  # patients
FLOOR = 0.05  # of a typical level: below, distances do not count as logarithms
OTHERS = 0.3  # share of the spread that random directions have where an axis has a meaning to begin with


def typical_patients(decoder: ArrivalDecoder, population: Population, scales: Scales, span_h: float) -> Float[Tensor, "guess parameter"]:
    """The decoder's centres that the guesses have come to, the closest one first; torch's generator sets the guesses and who is asked."""
    index = torch.randperm(len(population.covariates))[:ASKED]
    some, first = rows(population, index), _first(decoder, scales, span_h)
    guesses = (first + SCATTER * torch.randn(GUESSES, len(first))).requires_grad_()
    optimiser = torch.optim.Adam([guesses], lr=RATE)
    floor, distance = FLOOR * scales.concentration, torch.zeros(GUESSES)
    for step in range(STEPS):
        optimiser.param_groups[0]["lr"] = RATE * (1 - step / STEPS)
        everybody = decoder.pulses(guesses[None]).map(lambda table: table.expand(len(index), *table.shape[1:]))
        concentration = Responses(everybody).curves(some.doses, some.sample_time)[0]
        miss = ((concentration + floor).log() - (some.level[:, None] + floor).log()).abs() * some.is_sample[:, None]
        distance = miss.sum((0, 2)) / some.is_sample.sum()
        optimiser.zero_grad()
        distance.sum().backward()
        assert guesses.grad is not None
        guesses.grad.nan_to_num_(0, 0, 0)  # a guess that has become too steep for single precision stays where it is, and is not the best
        optimiser.step()
    return guesses.detach()[distance.detach().nan_to_num(torch.inf).argsort(stable=True)]


def _first(decoder: ArrivalDecoder, scales: Scales, span_h: float) -> Float[Tensor, " parameter"]:
    """About what the guesses scatter: waves one after the other, of equal shares, into the volume that a first dose fills."""
    terms, waves = decoder.terms, decoder.arrivals
    rates = torch.logspace(math.log10(RATES[0]), math.log10(RATES[1]), terms) / span_h
    lags = torch.linspace(FIRST_LAG, LAST_LAG, waves) * span_h
    volume, onset = torch.full((terms,), scales.volume * terms), torch.full((waves,), decoder.stages * ONSET / span_h)
    return torch.cat([-volume.log(), rates.log(), torch.zeros(waves), onset.log(), lags.log()])


def together(decoder: ArrivalDecoder) -> Float[Tensor, "parameter latent"]:
    """What the latents move to begin with: one all amplitudes, one all rates, then the waves' onsets, their lags, and the later ones' shares; random beyond."""
    terms, waves, latent = decoder.terms, decoder.arrivals, decoder.straight.in_features
    amplitude, rate, share, onset, lag = range(5)
    group = torch.tensor([amplitude] * terms + [rate] * terms + [share] * waves + [onset] * waves + [lag] * waves)
    axes = torch.stack([group == one for one in (amplitude, rate, onset, lag, share)], 1).float()
    axes[group == share, 4] = torch.tensor([1.0] + [-1.0] * (waves - 1))[:waves]
    axes = axes[:, : (5 if waves else 2)][:, :latent]
    start = SPREAD / latent**0.5 * torch.randn(len(group), latent)
    start[:, : axes.shape[1]] = OTHERS * start[:, : axes.shape[1]] + SPREAD * axes
    return start
