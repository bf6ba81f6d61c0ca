"""What does a dose do in a patient with latent z whom meals bring the drug back to?

A state-jump flow: between events the state flows at constant rates, a dose and a meal are jumps. All its rates, volumes and shares are networks of z, also the
share of the bile that a meal empties, which the published model has the same for everybody: z_abs drives how a dose comes, z_disp everything else.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from pkvae_core.structural.exponentials import Doses
from pkvae_core.structural.recirculation import Recirculating, recirculate
from pkvae_core.vae.decoder import perceptron

POSITIVE = ("CL", "V1", "Q", "V2", "turnover")
SHARES = ("share", "emptied")
ONSET = ("ka", "lag")
CURVE_H = (0.15, 0.25, 0.35, 0.5, 0.7, 0.95, 1.3, 1.8, 2.5, 3.3, 4.0, 4.15, 4.3, 4.5, 4.75, 5.1, 5.6, 6.4, 7.5, 8.7, 10.0, 10.15, 10.3, 10.5, 10.8, 11.3, 12.0)
CURVE_H += (13.5, 16.0, 20.0, 24.0, 28.0, 28.3, 28.8, 30.0, 34.0, 34.4, 36.0, 42.0, 48.0)  # dense after meals, which are lunch and supper of two days


class RecirculationDecoder(nn.Module):
    """The logarithms of rates and volumes and the log-odds of shares move around `centre`, from the training population: untrained it is nearly typical."""

    is_dose_proportional = False  # doses add up only where the same meals follow, and there are no responses that could be shifted in time
    centre: Tensor

    def __init__(self, latent: int, absorption: int, width: int = 128):
        super().__init__()
        self.disposition_size = latent - absorption
        self.disposition = perceptron(self.disposition_size, width, width, len(POSITIVE) + len(SHARES))
        self.onset = perceptron(absorption, width // 2, len(ONSET))
        self.register_buffer("centre", torch.zeros(len(POSITIVE) + len(SHARES) + len(ONSET)))
        with torch.no_grad():
            for parameter in self.typical():
                parameter.zero_()

    def typical(self) -> list[nn.Parameter]:
        """What moves everybody alike: the last biases."""
        return [layer.bias for layer in (self.disposition[-1], self.onset[-1]) if isinstance(layer, nn.Linear)]

    def forward(self, z: Float[Tensor, "subject draw latent"]) -> Recirculating:
        found = torch.cat([self.disposition(z[..., : self.disposition_size]), self.onset(z[..., self.disposition_size :])], -1) + self.centre
        positive, shares, onset = found.split([len(POSITIVE), len(SHARES), len(ONSET)], -1)
        each = dict(zip((*POSITIVE, *ONSET, *SHARES), torch.cat([positive.exp(), onset.exp(), shares.sigmoid()], -1).unbind(-1), strict=True))
        return Recirculating(**each)


def centre(body: Recirculating) -> Float[Tensor, " parameter"]:
    """Logarithms and log-odds of the median body."""
    tables = {name: getattr(body, name).flatten() for name in (*POSITIVE, *SHARES, *ONSET)}
    return torch.stack([(value.logit() if name in SHARES else value.log()).median() for name, value in tables.items()])


def one_dose(body: Recirculating, time_h: tuple[float, ...], floor: float) -> Float[Tensor, "subject draw point"]:
    """Logarithms of concentration and area after 1 mg at 0 h with the meals of the day, each with `floor` added."""
    count = len(body.CL)
    dose = Doses(torch.zeros(count, 1), torch.ones(count, 1), torch.zeros(count, 1), torch.ones(count, 1, dtype=torch.long))
    concentration, area = recirculate(body, dose, torch.tensor(time_h).expand(count, -1))
    return torch.cat([(concentration + floor).log(), (area.clamp(min=0) + floor).log()], -1)
