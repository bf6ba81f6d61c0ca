"""Which exponentials answer a unit dose in a compartment model with linear elimination?

Closed forms of Gibaldi & Perrier, Pharmacokinetics (2nd ed., 1982), chapters 1 and 2. Any shape of parameters broadcasts;
the result carries one more axis, the term.
"""

import torch
from torch import Tensor

SPREAD = 0.12  # of the mean times of several stages about their own mean
NEAR = 2e-2  # a stage's rate this close to a rate of the disposition is moved away from it


def one_compartment(CL: Tensor, V: Tensor) -> tuple[Tensor, Tensor]:
    """Amplitude 1/V (1/L) and rate CL/V (1/h) after 1 mg into the vein."""
    return (1 / V)[..., None], (CL / V)[..., None]


def two_compartment(CL: Tensor, V1: Tensor, Q: Tensor, V2: Tensor) -> tuple[Tensor, Tensor]:
    """Amplitudes A, B (1/L) and rates alpha > beta (1/h) after 1 mg into the vein.

    A = (alpha - k21)/(V1 (alpha - beta)), B = (k21 - beta)/(V1 (alpha - beta)).
    """
    k10, k12, k21 = CL / V1, Q / V1, Q / V2
    total = k10 + k12 + k21
    alpha = (total + torch.sqrt(total**2 - 4 * k10 * k21)) / 2
    beta = k10 * k21 / alpha
    amplitude = torch.stack([alpha - k21, k21 - beta], -1) / (V1 * (alpha - beta))[..., None]
    return amplitude, torch.stack([alpha, beta], -1)


def power_law(CL: Tensor, alpha: Tensor, fastest: Tensor, *, terms: int = 6, ratio: float = 4.0) -> tuple[Tensor, Tensor]:
    """Amplitudes (1/L) and rates (1/h) of a concentration that falls like t^-alpha after 1 mg into the vein, between 1/fastest and 1/slowest.

    A gamma mixture of exponentials is a power, int x^(alpha - 1) exp(-x t) dx = Gamma(alpha) t^-alpha; here as a sum over rates that are `ratio` apart,
    fastest, fastest/ratio ..., with weights rate^alpha. Its area is 1/CL. Near the slowest rate the power bends into an exponential: no sum has no end.
    """
    rate = fastest[..., None] * ratio ** -torch.arange(terms, dtype=fastest.dtype)
    weight = rate ** alpha[..., None]
    return weight / (CL[..., None] * (weight / rate).sum(-1, keepdim=True)), rate


def first_order_absorption(amplitude: Tensor, rate: Tensor, ka: Tensor, F: Tensor) -> tuple[Tensor, Tensor]:
    """The same disposition reached through a depot: each term becomes F A ka/(ka - lambda) (exp(-lambda tau) - exp(-ka tau)).

    Where ka meets lambda the two exponentials merge; moving ka by one part in a thousand there changes the curve by less than that.
    """
    ka = ka[..., None].expand_as(rate)
    ka = torch.where((ka - rate).abs() < 1e-3 * rate, rate * (1 + 1e-3), ka)
    fed = F[..., None] * amplitude * ka / (ka - rate)
    return torch.cat([fed, -fed], -1), torch.cat([rate, ka], -1)


def chained_absorption(amplitude: Tensor, rate: Tensor, ktr: Tensor, F: Tensor, *, stages: int) -> tuple[Tensor, Tensor]:
    """The same disposition reached through `stages` transit compartments of rate `ktr` each (Erlang): the terms of the disposition, then those of each stage.

    With rates k_i of the stages, each term becomes
        F A (prod_i k_i/(k_i - lambda) exp(-lambda tau) + sum_i k_i/(lambda - k_i) prod_{j != i} k_j/(k_j - k_i) exp(-k_i tau)).
    Equal rates would merge, so they are spread by `SPREAD`, ktr/(1 - s) to ktr/(1 + s): the mean transit time stays, and the curve of three stages changes by
    less than 1 % of its peak (0.86 % is the worst that was found). One stage is `first_order_absorption`. In double: with several stages large terms cancel.
    """
    if stages == 1:
        return first_order_absorption(amplitude, rate, ktr, F)
    wide, slope = amplitude.double(), rate.double()
    each = [ktr.double()[..., None].expand_as(slope) / (1 + SPREAD * (2 * i / (stages - 1) - 1)) for i in range(stages)]
    each = [torch.where((k - slope).abs() < NEAR * slope, slope * (1 + NEAR), k) for k in each]
    fed = F.double()[..., None] * wide
    parts = [fed * torch.stack([k / (k - slope) for k in each]).prod(0)]
    for i, k in enumerate(each):
        others = torch.stack([other / (other - k) for j, other in enumerate(each) if j != i]).prod(0)
        parts.append(fed * k / (slope - k) * others)
    return torch.cat(parts, -1).to(amplitude.dtype), torch.cat([slope, *each], -1).to(amplitude.dtype)
