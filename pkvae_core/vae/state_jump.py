"""What concentration follows these doses, when a dose makes the patient's state jump, and the state falls exponentially until the next one?

At a dose a gated unit moves the state, s <- s + u (s' - s) with u, s' and the rates until the next dose networks of (s, z, amount); between doses
s_i(tau) = s_i exp(-lambda_i tau). The level is a sum of squares, each of a few of the states together, so that it is never negative, may rise and fall, and
has a closed area.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from pkvae_core.structural.exponentials import Doses
from pkvae_core.vae.decoder import perceptron
from pkvae_core.vae.memory_pulses import log_amount

GROUPS, TOGETHER, KNOWN = 4, 3, 64
LASTING_H = (0.5, 10.0, 300.0)  # of the states of a group, untrained: one shapes the rise, the others what follows


class StateJump(nn.Module):
    """Levels are counted in a typical one, `concentration` (mg/L), amounts in what brings it about in `volume` (L)."""

    is_dose_proportional = False

    def __init__(self, latent: int, concentration: float, volume: float, width: int = 128):
        super().__init__()
        states = GROUPS * TOGETHER
        self.knowing = perceptron(latent, 96, KNOWN)
        self.jump = perceptron(states + KNOWN + 1, width, 3 * states)
        self.concentration, self.usual_mg = concentration, concentration * volume
        self.register_buffer("fading", -torch.tensor(LASTING_H).log().repeat(GROUPS))

    def level(self, z: Float[Tensor, "subject draw latent"], doses: Doses, time: Float[Tensor, "subject time"]) -> Float[Tensor, "subject draw time"]:
        """Concentration (mg/L)."""
        state, rate, since = _now(*self._lived(z, doses), doses, time)
        return self.concentration * _grouped(state * torch.exp(-rate * since)).sum(-1).square().sum(-1) * _has_begun(doses, time)

    def area(self, z: Float[Tensor, "subject draw latent"], doses: Doses, time: Float[Tensor, "subject time"]) -> Float[Tensor, "subject draw time"]:
        """Its integral from the first dose on (mg h/L): that of all intervals that are over, and of the present one so far."""
        states, rates = self._lived(z, doses)
        lasting = torch.diff(doses.time, dim=1)[:, None, :, None]
        over = _integral(states[:, :, :-1], rates[:, :, :-1], lasting).cumsum(2)
        over = torch.cat([torch.zeros_like(over[:, :, :1]), over], 2) if lasting.shape[2] else states.new_zeros(*states.shape[:3])
        before = _latest(doses, time)[:, None].expand(-1, z.shape[1], -1)
        return self.concentration * (over.gather(2, before) + _integral(*_now(states, rates, doses, time))) * _has_begun(doses, time)

    def _lived(self, z: Tensor, doses: Doses) -> tuple[Float[Tensor, "subject draw dose state"], Float[Tensor, "subject draw dose state"]]:
        """The states just after each dose, and their rates from then on."""
        assert not bool(((doses.route == 0) & (doses.amount > 0)).any()), "this flow knows swallowed doses alone"
        known = self.knowing(z)
        state, rate = known.new_zeros(*known.shape[:2], GROUPS * TOGETHER), self.fading.exp()
        gap = torch.diff(doses.time, dim=1, prepend=doses.time[:, :1])[:, None, :, None]
        size = log_amount(doses, self.usual_mg)[:, None, :, None].expand(-1, known.shape[1], -1, -1)
        states, rates = [], []
        for i in range(doses.time.shape[1]):
            state = state * torch.exp(-rate * gap[:, :, i])
            gate, candidate, faster = self.jump(torch.cat([state, known, size[:, :, i]], -1)).chunk(3, -1)
            state, rate = state + gate.sigmoid() * (candidate - state), (self.fading + faster).exp()
            states.append(state)
            rates.append(rate)
        return torch.stack(states, 2), torch.stack(rates, 2)


def _latest(doses: Doses, time: Float[Tensor, "subject time"]) -> Tensor:
    """Which dose was the last before each time; the first one where there was none."""
    start = torch.where(doses.amount > 0, doses.time, torch.inf)
    return (torch.searchsorted(start.contiguous(), time.contiguous()) - 1).clamp(min=0)


def _has_begun(doses: Doses, time: Float[Tensor, "subject time"]) -> Float[Tensor, "subject 1 time"]:
    return (time > doses.time[:, :1])[:, None].to(time.dtype)


def _now(states: Tensor, rates: Tensor, doses: Doses, time: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """States and rates from the last dose on, and the hours since it [subject, 1, time, 1]."""
    latest = _latest(doses, time)
    index = latest[:, None, :, None].expand(-1, states.shape[1], -1, states.shape[-1])
    since = (time - doses.time.gather(1, latest)).clamp(min=0)[:, None, :, None]
    return states.gather(2, index), rates.gather(2, index), since


def _grouped(state: Float[Tensor, "*batch state"]) -> Float[Tensor, "*batch group together"]:
    return state.unflatten(-1, (GROUPS, TOGETHER))


def _integral(state: Tensor, rate: Tensor, since: Tensor) -> Tensor:
    """Sum over groups of the integral of (sum_i s_i exp(-lambda_i t))^2 from 0 to `since`."""
    state, rate, found = _grouped(state), _grouped(rate), 0.0
    for i in range(TOGETHER):
        for j in range(i + 1):
            both = rate[..., i] + rate[..., j]
            found = found - (2 - (i == j)) * state[..., i] * state[..., j] * torch.expm1(-both * since) / both
    assert isinstance(found, Tensor)
    return found.sum(-1)
