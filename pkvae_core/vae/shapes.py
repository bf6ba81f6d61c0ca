"""Can one model learn seven kinds of body from their curves alone? A small VAE of one dose: a set of levels in, the whole curve out, told no structure.

encoder  q(z | levels, dose): a mixture of Gaussians from a set network; without levels it is the prior
decoder  C(t) = dose/300 mg x s sinh(f(z, ln dose)(t)) on the hours of `structural.shapes.TIMES_H`
error    asinh(y/s) ~ Normal(asinh(C/s), b^2), which is sd(y) = b sqrt(C^2 + s^2); a level below its limit counts with its probability
Taught as `vae.vae` is: the teacher reads a patient's whole curves after two doses, the decoder draws them again from its z, and the student must find that z
from a few levels after the first dose, and without any. The kind of body is never told, neither in teaching nor after.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.distributions import MixtureSameFamily, MultivariateNormal

from pkvae_core.structural.shapes import POINTS, USUAL_DOSE_mg
from pkvae_core.vae.decoder import perceptron
from pkvae_core.vae.encoder import lower_triangle, mixture

SCALE_mg_per_L, ERROR, LLOQ_mg_per_L = 0.5, 0.10, 0.1
LATENT, COMPONENTS, WIDTH, CLUES = 8, 4, 160, 5


def squeezed(concentration: Tensor) -> Tensor:
    """asinh(C/s): the scale on which the error is the same everywhere, linear below s and logarithmic above."""
    return torch.asinh(concentration / SCALE_mg_per_L)


@dataclass(frozen=True)
class ShapeLevels:
    """Levels of a batch of patients after one dose each, padded; `level` holds the limit where `is_below`."""

    dose_mg: Float[Tensor, " patient"]
    time_h: Float[Tensor, "patient level"]
    level: Float[Tensor, "patient level"]
    is_below: Bool[Tensor, "patient level"]
    is_level: Bool[Tensor, "patient level"]

    def none(self) -> "ShapeLevels":
        """The same patients before any level."""
        return ShapeLevels(self.dose_mg, self.time_h, self.level, self.is_below, torch.zeros_like(self.is_level))

    def log_likelihood(self, at_levels: Float[Tensor, "patient draw level"]) -> Float[Tensor, "patient draw"]:
        """log p(levels | true concentrations), up to what does not depend on them."""
        deviation = (squeezed(self.level)[:, None] - squeezed(at_levels)) / ERROR
        each = torch.where(self.is_below[:, None], torch.special.log_ndtr(deviation), -0.5 * deviation.square())
        return torch.where(self.is_level[:, None], each, 0).sum(-1)


class ShapeVAE(nn.Module):
    """Encoder (the student), teacher and decoder. `provenance` is what its model.json says."""

    def __init__(self, provenance: dict | None = None):
        super().__init__()
        self.provenance = provenance or {}
        triangle = LATENT * (LATENT + 1) // 2
        self.read = perceptron(CLUES, WIDTH, WIDTH)
        self.head = perceptron(2 * WIDTH + 2, 2 * WIDTH, COMPONENTS * (1 + LATENT + triangle))
        self.teacher = perceptron(2 * POINTS + 2, 2 * WIDTH, LATENT + triangle)
        self.decoder = perceptron(LATENT + 1, WIDTH, WIDTH, POINTS)
        last = self.head[-1]
        assert isinstance(last, nn.Linear)
        nn.init.normal_(last.bias, 0, 0.5)  # the components start apart

    @property
    def version(self) -> str:
        return self.provenance.get("version", "untrained")

    def posterior(self, levels: ShapeLevels) -> MixtureSameFamily:
        """q(z | levels, dose) of each patient."""
        log_dose = (levels.dose_mg / USUAL_DOSE_mg).log()
        wide = log_dose[:, None].expand_as(levels.time_h)
        clues = torch.stack([levels.time_h.sqrt(), (levels.time_h + 0.2).log(), squeezed(levels.level), levels.is_below.float(), wide], -1)
        token, patient = self.read(clues[levels.is_level]), levels.is_level.nonzero()[:, 0]
        index, count = patient[:, None].expand_as(token), levels.is_level.sum(1, keepdim=True)
        nothing = token.new_zeros(len(log_dose), WIDTH)
        mean, most = (nothing.scatter_reduce(0, index, token, how, include_self=False) for how in ("mean", "amax"))
        pooled = torch.cat([mean, most, log_dose[:, None] * (count > 0), (count + 1).log()], -1)
        logits, loc, flat = self.head(pooled).unflatten(-1, (COMPONENTS, -1)).split([1, LATENT, LATENT * (LATENT + 1) // 2], -1)
        return mixture(logits[..., 0], loc, lower_triangle(flat, LATENT))

    def taught(self, curves: Float[Tensor, "patient dose time"], dose_mg: Float[Tensor, "patient dose"]) -> MultivariateNormal:
        """q_T(z | whole curves after two doses)."""
        clues = torch.cat([squeezed(curves).flatten(1), (dose_mg / USUAL_DOSE_mg).log()], -1)
        loc, flat = self.teacher(clues).split([LATENT, LATENT * (LATENT + 1) // 2], -1)
        return MultivariateNormal(loc, scale_tril=lower_triangle(flat - 2.0, LATENT), validate_args=False)

    def decode(self, z: Float[Tensor, "*batch latent"], dose_mg: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch time"]:
        """Concentrations (mg/L) at TIMES_H after this dose."""
        multiple = (dose_mg / USUAL_DOSE_mg)[..., None]
        bent = nn.functional.softplus(self.decoder(torch.cat([z, multiple.log()], -1)), beta=5).clamp(max=12)
        return multiple * SCALE_mg_per_L * bent.sinh()


def at(curves: Float[Tensor, "*batch time"], grid_h: Float[Tensor, " time"], time_h: Float[Tensor, "*batch level"]) -> Float[Tensor, "*batch level"]:
    """The curves between the hours of the grid (straight lines); before its first hour, its first value."""
    after = torch.searchsorted(grid_h, time_h.contiguous()).clamp(1, len(grid_h) - 1)
    share = ((time_h - grid_h[after - 1]) / (grid_h[after] - grid_h[after - 1])).clamp(0, 1)
    wide = curves.expand(*time_h.shape[:-1], curves.shape[-1])
    return (1 - share) * wide.gather(-1, after - 1) + share * wide.gather(-1, after)


def objective(
    model: ShapeVAE, curves: Float[Tensor, "patient dose time"], levels: ShapeLevels, dose_mg: Float[Tensor, "patient dose"], curve_sd: float
) -> Tensor:
    """The ELBO with the student as prior, negative, per patient: curves from the teacher's z, the student asked with levels and without."""
    teacher = model.taught(curves, dose_mg)
    z = teacher.rsample()
    drawn = model.decode(z[:, None].expand(-1, dose_mg.shape[1], -1), dose_mg)
    misses = (squeezed(drawn) - squeezed(curves)) / curve_sd
    reconstruction = 0.5 * misses.square().flatten(1).mean(-1) * 2 * POINTS
    student = sum(-model.posterior(each).log_prob(z) for each in (levels, levels.none())) / 2
    pull = 0.5e-2 * z.square().sum(-1)
    return (reconstruction + student - teacher.entropy() + pull).mean() / math.sqrt(POINTS)
