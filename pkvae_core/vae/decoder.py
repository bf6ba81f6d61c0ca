"""What concentration does a patient with latent z have after these doses?

Superposition of pulses: each mg answers with a sum of exponentials whose amplitudes and rates are networks of z, so that the concentration is proportional
to dose by construction, zero before the first dose, and closed-form for any infusion. A swallowed dose reaches the same disposition through an onset
(rate ka through one or several stages, lag), or in several waves, each with its share, ka and lag: z_disp drives the disposition, z_abs the onset.
"""

from collections.abc import Callable
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from pkvae_core.structural.body import Body
from pkvae_core.structural.corrected import Corrected
from pkvae_core.structural.corrected_target import CorrectedTarget
from pkvae_core.structural.exponentials import Pulses
from pkvae_core.structural.onset import in_waves, swallowed
from pkvae_core.structural.target_mediated import DRUG_KDA


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


class BodyDecoder(nn.Module):
    """Decoder of drugs that are not proportional to dose: a neural ODE, whose elimination is the textbook's times a learned correction of (concentration, z).

    The correction starts at 1, so an untrained decoder is the textbook model around `centre` (logarithms of its `parameters`, ka last, from the training
    population).
    """

    is_dose_proportional = False
    parameters_of: ClassVar[int]  # that z_disp moves
    bends: ClassVar[int]
    points: ClassVar[Callable[[int], int]]  # that tell such a body, of so many steady concentrations (see the body's `traits`)
    centre: Tensor

    def __init__(self, latent: int, absorption: int, concentration: float, width: int = 128):
        super().__init__()
        self.disposition_size, self.concentration = latent - absorption, concentration
        self.disposition = perceptron(self.disposition_size, width, width, self.parameters_of + self.bends)
        self.onset = perceptron(absorption, width // 2, 1)
        self.register_buffer("centre", torch.zeros(self.parameters_of + 1))
        last = self.disposition[-1]
        assert isinstance(last, nn.Linear)
        with torch.no_grad():
            last.weight[self.parameters_of :], last.bias[self.parameters_of :] = 0, 0

    def typical(self) -> list[nn.Parameter]:
        """What moves everybody alike: the last biases, of the logarithms of the parameters."""
        return [layer.bias for layer in (self.disposition[-1], self.onset[-1]) if isinstance(layer, nn.Linear)]

    def forward(self, z: Float[Tensor, "subject draw latent"]) -> Body:
        found = self.disposition(z[..., : self.disposition_size])
        parameters = (found[..., : self.parameters_of] + self.centre[:-1]).exp()
        ka = (self.onset(z[..., self.disposition_size :])[..., 0] + self.centre[-1]).exp()
        return self.body(z, parameters, ka, found[..., self.parameters_of :])

    def body(self, z: Tensor, parameters: Float[Tensor, "subject draw parameter"], ka: Float[Tensor, "subject draw"], weight: Tensor) -> Body:
        """The body with these parameters and weights of the correction."""
        raise NotImplementedError


class SaturableDecoder(BodyDecoder):
    """Michaelis-Menten: `parameters` are Vmax, Km and V."""

    parameters_of, bends = 3, 4
    points = staticmethod(lambda levels: levels + 2)

    def body(self, z: Tensor, parameters: Float[Tensor, "subject draw parameter"], ka: Float[Tensor, "subject draw"], weight: Tensor) -> Corrected:
        Vmax, Km, V = parameters.unbind(-1)
        return Corrected(Vmax, Km, V, ka, torch.full_like(ka, self.concentration / 2), weight)


class TargetDecoder(BodyDecoder):
    """A drug that meets its target: C(t) = Decoder(z, doses, t, target level).

    The target's level before treatment is one of the latents, z_target, the last of z_disp, in standard deviations of its logarithm. Where it was measured,
    the encoder knows that latent; where it was not, the latent is as wide as the population, and levels of the drug may narrow it. So a patient without
    IgE needs nothing extra, and the decoder never sees a covariate that may be missing.

    `parameters` are CL, its excess in the complex, CL of the target, V, V of the complex, production of the target.
    """

    parameters_of, bends = 6, 2
    points = staticmethod(lambda levels: 3 * levels + 3)
    target: Tensor

    def __init__(self, latent: int, absorption: int, concentration: float, width: int = 128):
        super().__init__(latent, absorption, concentration, width)
        self.register_buffer("target", torch.zeros(3))  # mean and sd of the logarithm of the target's level (nmol/L), and Kd0

    def body(self, z: Tensor, parameters: Float[Tensor, "subject draw parameter"], ka: Float[Tensor, "subject draw"], weight: Tensor) -> CorrectedTarget:
        mean, sd, Kd0 = self.target
        baseline = (mean + sd * z[..., self.disposition_size - 1]).exp()
        f0 = torch.full_like(ka, self.concentration / 2 * 1e3 / DRUG_KDA)
        CL, excess_CL, target_CL, V, complex_V, production = parameters.unbind(-1)
        return CorrectedTarget(CL, excess_CL, target_CL, V, complex_V, production, baseline, Kd0.expand_as(ka), ka, f0, weight)


DECODERS: dict[str, type[BodyDecoder]] = {"saturable": SaturableDecoder, "target": TargetDecoder}
