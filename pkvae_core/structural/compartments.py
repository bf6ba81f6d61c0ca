"""Which exponentials answer a unit dose in a compartment model with linear elimination?

Closed forms of Gibaldi & Perrier, Pharmacokinetics (2nd ed., 1982), chapters 1 and 2. Any shape of parameters broadcasts;
the result carries one more axis, the term.
"""

import torch
from torch import Tensor


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


def first_order_absorption(amplitude: Tensor, rate: Tensor, ka: Tensor, F: Tensor) -> tuple[Tensor, Tensor]:
    """The same disposition reached through a depot: each term becomes F A ka/(ka - lambda) (exp(-lambda tau) - exp(-ka tau)).

    Where ka meets lambda the two exponentials merge; moving ka by one part in a thousand there changes the curve by less than that.
    """
    ka = ka[..., None].expand_as(rate)
    ka = torch.where((ka - rate).abs() < 1e-3 * rate, rate * (1 + 1e-3), ka)
    fed = F[..., None] * amplitude * ka / (ka - rate)
    return torch.cat([fed, -fed], -1), torch.cat([rate, ka], -1)
