"""Where is the drug when elimination changes in the middle of a course? The compartments behind a sum of exponentials.

The response sum_k a_k exp(-lambda_k t) to 1 mg into the vein is that of exactly one chain of compartments, the first one sampled and eliminating (for two
terms, the textbook's two-compartment model). Lanczos' recursion on the rates with weights p_k = a_k / sum a finds it: with Q its orthogonal matrix, the
amount in compartment i is A_i = sqrt(V_i) sum_k Q_ki s_k / sqrt(a_k), where s_k is the k-th term's concentration now, V_0 = 1 / sum a, and the other
volumes follow from the recursion's coefficients. When kidney function changes, the amounts stay where they are and the new exponentials take over from them:
mass is conserved, which decay on an "elapsed clock", term by term, would not do for more than one term.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def _compartments(amplitude: Float[Tensor, "*batch term"], rate: Float[Tensor, "*batch term"]) -> tuple[Tensor, Tensor]:
    """Q [batch, term, compartment] and the compartments' volumes [batch, compartment] (L); a compartment that is not there has volume 0."""
    total = amplitude.sum(-1)
    vector, before, coupling = (amplitude / total[..., None]).sqrt(), torch.zeros_like(rate), torch.zeros_like(total)
    columns, diagonal, couplings = [], [], []
    for _ in range(rate.shape[-1]):
        columns.append(vector)
        diagonal.append((rate * vector.square()).sum(-1))
        residue = (rate - diagonal[-1][..., None]) * vector - coupling[..., None] * before
        coupling = residue.square().sum(-1).clamp(min=1e-300).sqrt()
        is_there = coupling > 1e-9 * diagonal[0]
        coupling = torch.where(is_there, coupling, 0)
        before, vector = vector, torch.where(is_there[..., None], residue / torch.where(is_there, coupling, 1)[..., None], 0)
        couplings.append(coupling)
    leaving, ratio = diagonal[-1], []
    for i in reversed(range(rate.shape[-1] - 1)):
        safe = torch.where(leaving > 0, leaving, 1)
        ratio.append((couplings[i] / safe).square())
        leaving = diagonal[i] - couplings[i].square() / safe
    volume = torch.stack([1 / total, *reversed(ratio)], -1).cumprod(-1)
    return torch.stack(columns, -1), volume


def _over(numerator: Tensor, denominator: Tensor) -> Tensor:
    """The quotient, 0 where there is nothing to divide by."""
    is_there = denominator > 0
    return torch.where(is_there, numerator / torch.where(is_there, denominator, 1), 0)


def transfer(
    old: tuple[Float[Tensor, "*batch term"], Float[Tensor, "*batch term"]], new: tuple[Float[Tensor, "*batch term"], Float[Tensor, "*batch term"]]
) -> Float[Tensor, "*batch term term"]:
    """The matrix that takes the concentrations of the old terms to those of the new ones, every compartment keeping its amount.

    `old` and `new` are pairs of amplitudes (1/L) and rates (1/h).
    """
    amplitude, fresh = old[0].double(), new[0].double()
    (q, volume), (q_new, volume_new) = _compartments(amplitude, old[1].double()), _compartments(fresh, new[1].double())
    to_amounts = _over(volume.sqrt()[..., None, :] * q, amplitude.sqrt()[..., :, None].expand_as(q)).transpose(-1, -2)
    from_amounts = _over(fresh.sqrt()[..., :, None] * q_new, volume_new.sqrt()[..., None, :].expand_as(q_new))
    return (from_amounts @ to_amounts).to(old[0].dtype)
