"""What concentration does a patient with latent z have after these doses?

Superposition of pulses: each mg answers with a sum of exponentials whose amplitudes and rates are networks of z, so that the concentration is proportional
to dose by construction, zero before the first dose, and closed-form for any infusion. A swallowed dose reaches the same disposition through an onset
(rate ka through one or several stages, lag), or in several waves, each with its share, ka and lag: z_disp drives the disposition, z_abs the onset.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from pkvae_core.structural.corrected import Corrected
from pkvae_core.structural.exponentials import Pulses
from pkvae_core.structural.onset import in_waves, swallowed


def perceptron(*widths: int) -> nn.Sequential:
    """Linear layers of these widths with SiLU between them."""
    layers: list[nn.Module] = []
    for i in range(len(widths) - 1):
        layers += [nn.Linear(widths[i], widths[i + 1])] + ([nn.SiLU()] if i < len(widths) - 2 else [])
    return nn.Sequential(*layers)


class PulseDecoder(nn.Module):
    """Dose-proportional decoder: `disposition` latents make `terms` exponentials, the remaining ones the onset of the oral route where there is one.

    The logarithms of amplitudes and rates move around `centre` (buffers, from the training population), so an untrained decoder already answers plausibly.
    """

    is_dose_proportional = True
    centre_disposition: Tensor
    centre_onset: Tensor

    def __init__(self, latent: int, absorption: int, terms: int, is_oral: bool, width: int = 128, stages: int = 1, waves: int = 1):
        super().__init__()
        assert stages == 1 or waves == 1, "waves come through one stage each"
        self.disposition_size, self.terms, self.stages, self.waves = latent - absorption, terms, stages, waves
        self.disposition = perceptron(self.disposition_size, width, width, 2 * terms)
        onsets = 2 if waves == 1 else 3 * waves
        self.onset = perceptron(absorption, width // 2, onsets) if is_oral else None
        self.register_buffer("centre_disposition", torch.zeros(2, terms))
        self.register_buffer("centre_onset", torch.zeros(onsets))

    def typical(self) -> list[nn.Parameter]:
        """What moves everybody alike: the last biases, of the logarithms of amplitudes and rates."""
        last = [net[-1] for net in (self.disposition, self.onset) if net is not None]
        return [layer.bias for layer in last if isinstance(layer, nn.Linear)]

    def forward(self, z: Float[Tensor, "subject draw latent"]) -> Pulses:
        """Responses to 1 mg: row 0 into the vein, row 1 swallowed, or a row for each wave."""
        log_amplitude, log_rate = (self.disposition(z[..., : self.disposition_size]).unflatten(-1, (2, self.terms)) + self.centre_disposition).unbind(-2)
        amplitude, rate = log_amplitude.exp(), log_rate.exp()
        if self.onset is None:
            return Pulses(amplitude[:, :, None], rate[:, :, None], torch.zeros_like(rate[..., :1]))
        onset = self.onset(z[..., self.disposition_size :]) + self.centre_onset
        if self.waves > 1:
            share, log_ka, log_lag = onset.chunk(3, -1)
            return in_waves(amplitude, rate, log_ka.exp(), log_lag.exp(), share.softmax(-1))
        ka, lag = onset.exp().unbind(-1)
        return swallowed(amplitude, rate, ka, lag, stages=self.stages)


BENDS = 4


class BodyDecoder(nn.Module):
    """Decoder of drugs that are not proportional to dose: a neural ODE, whose elimination is Michaelis-Menten times a learned correction of (concentration, z).

    The correction starts at 1, so an untrained decoder is the textbook model around `centre` (logarithms of Vmax, Km, V and ka, from the training population).
    """

    is_dose_proportional = False
    centre: Tensor

    def __init__(self, latent: int, absorption: int, concentration: float, width: int = 128):
        super().__init__()
        self.disposition_size, self.concentration = latent - absorption, concentration
        self.disposition = perceptron(self.disposition_size, width, width, 3 + BENDS)
        self.onset = perceptron(absorption, width // 2, 1)
        self.register_buffer("centre", torch.zeros(4))
        last = self.disposition[-1]
        assert isinstance(last, nn.Linear)
        with torch.no_grad():
            last.weight[3:], last.bias[3:] = 0, 0

    def typical(self) -> list[nn.Parameter]:
        """What moves everybody alike: the last biases, of the logarithms of Vmax, Km, V and ka."""
        return [layer.bias for layer in (self.disposition[-1], self.onset[-1]) if isinstance(layer, nn.Linear)]

    def forward(self, z: Float[Tensor, "subject draw latent"]) -> Corrected:
        found = self.disposition(z[..., : self.disposition_size])
        Vmax, Km, V = (found[..., :3] + self.centre[:3]).exp().unbind(-1)
        ka = (self.onset(z[..., self.disposition_size :])[..., 0] + self.centre[3]).exp()
        return Corrected(Vmax, Km, V, ka, torch.full_like(ka, self.concentration / 2), found[..., 3:])
