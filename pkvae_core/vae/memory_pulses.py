"""What concentration follows these doses, when each dose answers with a pulse that depends on its amount and on a memory of the doses before it?

The memory h falls between doses, each part at its own rate, and jumps at a dose; a dose of `amount` answers with
    amount sum_k A_k [S_k(tau) - exp(-kappa_k tau)],   S(tau) = (1 + exp(-b)) / (1 + exp(a tau - b)),   kappa > a,
where A, a, b and kappa are networks of (h, z, amount). S stays flat as long as b / a and then falls at the rate a, as what a dose adds to a saturated body does
(a stretched exponential would too, but has no closed area); with b far below 0 it is the textbook's exponential. Never negative, and 0 before the dose.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from pkvae_core.structural.exponentials import Doses
from pkvae_core.vae.decoder import perceptron

MEMORY, TERMS, KNOWN = 8, 3, 64
FORGOTTEN_H = (6.0, 400.0)  # after so long the quickest and the slowest part of an untrained memory has faded
LEAST_B = -3.0
FURTHEST = 5.0  # a logarithm moves at most so far from its centre: a first screen without this bound ended in infinities after a minute


class MemoryPulses(nn.Module):
    """Untrained, all pulses are near those of one linear compartment: `typical` is V (L), k (1/h) and ka (1/h)."""

    is_dose_proportional = False

    def __init__(self, latent: int, concentration: float, typical: tuple[float, float, float], width: int = 96):
        super().__init__()
        self.knowing = perceptron(latent, width, KNOWN)
        self.jump = perceptron(MEMORY + KNOWN + 1, KNOWN, 2 * MEMORY)
        self.pulse = perceptron(MEMORY + KNOWN + 1, width, 4 * TERMS)
        self.usual_mg = concentration * typical[0]
        self.register_buffer("centre", torch.tensor([1 / typical[0] / TERMS, typical[1], 1.0, typical[2]]).log()[:, None])
        self.register_buffer("fading", -torch.logspace(*torch.tensor(FORGOTTEN_H).log10().tolist(), MEMORY).log())

    def level(self, z: Float[Tensor, "subject draw latent"], doses: Doses, time: Float[Tensor, "subject time"]) -> Float[Tensor, "subject draw time"]:
        """Concentration (mg/L)."""
        amplitude, a, b, kappa, since = self._pulses(z, doses, time)
        each = (1 + torch.exp(-b)) * torch.sigmoid(b - a * since) - torch.exp(-kappa * since)
        return (amplitude * each).sum((-1, 2))

    def area(self, z: Float[Tensor, "subject draw latent"], doses: Doses, time: Float[Tensor, "subject time"]) -> Float[Tensor, "subject draw time"]:
        """Its integral from the first dose on (mg h/L)."""
        amplitude, a, b, kappa, since = self._pulses(z, doses, time)
        softplus = nn.functional.softplus
        each = (1 + torch.exp(-b)) * (softplus(b) - softplus(b - a * since)) / a + torch.expm1(-kappa * since) / kappa
        return (amplitude * each).sum((-1, 2))

    def _pulses(self, z: Tensor, doses: Doses, time: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Amplitudes (mg/L), a, b and kappa [subject, draw, dose, 1, term], and the hours since each dose [subject, 1, dose, time, 1], 0 before it."""
        assert not bool(((doses.route == 0) & (doses.amount > 0)).any()), "pulses with memory know swallowed doses alone"
        seen = self._remembered(self.knowing(z), doses)
        log_amplitude, log_a, log_b, log_more = (_bounded(self.pulse(seen)).unflatten(-1, (4, TERMS)) + self.centre)[..., None, :, :].unbind(-2)
        a = log_a.exp()
        since = (time[:, None] - doses.time[..., None]).clamp(min=0)[:, None, ..., None]
        return doses.amount[:, None, :, None, None] * log_amplitude.exp(), a, LEAST_B + log_b.exp(), a + log_more.exp(), since

    def _remembered(self, known: Float[Tensor, "subject draw known"], doses: Doses) -> Float[Tensor, "subject draw dose clue"]:
        """What each dose meets: the memory, what z says, and its amount."""
        memory, rate = known.new_zeros(*known.shape[:2], MEMORY), self.fading.exp()
        gap = torch.diff(doses.time, dim=1, prepend=doses.time[:, :1])[:, None, :, None]
        size = log_amount(doses, self.usual_mg)[:, None, :, None].expand(-1, known.shape[1], -1, -1)
        met = []
        for i in range(doses.time.shape[1]):
            memory = memory * torch.exp(-rate * gap[:, :, i])
            met.append(torch.cat([memory, known, size[:, :, i]], -1))
            more, faster = self.jump(met[-1]).chunk(2, -1)
            memory, rate = memory + more, (self.fading + _bounded(faster)).exp()
        return torch.stack(met, 2)


def _bounded(moved: Tensor) -> Tensor:
    return FURTHEST * torch.tanh(moved / FURTHEST)


def log_amount(doses: Doses, usual_mg: float) -> Float[Tensor, "subject dose"]:
    """Logarithm of each amount over the usual one; padding counts as a usual dose, whose pulse is multiplied by its amount, 0."""
    return torch.where(doses.amount > 0, doses.amount / usual_mg, 1.0).log()
