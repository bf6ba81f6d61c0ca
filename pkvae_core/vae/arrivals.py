"""What does a dose do in a patient of whom no structural model is known?

As in `decoder`, one mg into the vein answers with a sum of exponentials. What is swallowed reaches the same disposition in several waves,
    r(tau) = sum_p f_p (disposition * passage through the stages, at rate ka_p)(tau - lag_p),   sum_p f_p = 1,
each with its share, rate and lag, so that two absorption sites, a bump of recirculated drug, a long shoulder or a plain absorption can all be drawn, without
a negative concentration and in closed form for any course; through several stages also a hump that falls ever faster, as where a target takes the drug. The
logarithms of rates, amplitudes and lags and the logits of the shares are linear in z plus what a small network adds: before it has learned anything, the
decoder is a log-normal population like that of any published model.
Doses add up. Where elimination saturates they do not, but levels of one dose and one interval cannot tell by how much: more than that must be assumed.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from pkvae_core.structural.exponentials import Pulses
from pkvae_core.structural.onset import in_waves
from pkvae_core.vae.decoder import perceptron

SPREAD = 0.3  # standard deviation of the logarithms between patients, to begin with


class ArrivalDecoder(nn.Module):
    """Dose-proportional decoder with `terms` exponentials and `arrivals` waves; `centre` is the typical patient to begin with, learned from there on."""

    is_dose_proportional = True

    def __init__(self, latent: int, terms: int, arrivals: int, width: int, stages: int = 1):
        super().__init__()
        self.terms, self.arrivals, self.stages = terms, arrivals, stages
        size = 2 * terms + 3 * arrivals
        self.centre = nn.Parameter(torch.zeros(size))
        self.straight = nn.Linear(latent, size, bias=False)
        self.bent = perceptron(latent, width, size)
        last = self.bent[-1]
        assert isinstance(last, nn.Linear)
        with torch.no_grad():
            nn.init.normal_(self.straight.weight, 0, SPREAD / latent**0.5)
            last.weight.mul_(0.1)
            last.bias.zero_()

    def typical(self) -> list[nn.Parameter]:
        """What moves everybody alike."""
        return [self.centre]

    def forward(self, z: Float[Tensor, "subject draw latent"]) -> Pulses:
        """Responses to 1 mg: row 0 into the vein, and one row for each wave of what is swallowed."""
        return self.pulses(self.centre + self.straight(z) + self.bent(z))

    def pulses(self, out: Float[Tensor, "subject draw parameter"]) -> Pulses:
        log_amplitude, log_rate, share, log_ka, log_lag = out.split([self.terms] * 2 + [self.arrivals] * 3, -1)
        amplitude, rate = log_amplitude.exp(), log_rate.exp()
        if not self.arrivals:
            return Pulses(amplitude[:, :, None], rate[:, :, None], torch.zeros_like(rate[..., :1]))
        return in_waves(amplitude, rate, log_ka.exp(), log_lag.exp(), share.softmax(-1), stages=self.stages)
