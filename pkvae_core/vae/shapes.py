"""Can one model learn seven kinds of body from their curves alone? A small VAE of one dose: a set of levels in, the whole curve out, told no structure.

encoder  q(z | levels, dose): a mixture of Gaussians from a set network
prior    p(z): a mixture of many Gaussians, whatever the dose: seven kinds of body are no single cloud
decoder  C(t) = dose/300 mg x s sinh(f(z, ln dose)(t)) on the hours of `structural.shapes.TIMES_H`
misfit   asinh(true/s) ~ Normal(asinh(C/s), m(z, ln dose)(t)^2): how closely the decoder draws, as it says itself
error    asinh(y/s) ~ Normal(asinh(true/s), b^2), which is sd(y) = b sqrt(C^2 + s^2); a level below its limit counts with its probability
Taught as `vae.vae` is: the teacher reads a patient's whole curves after two doses, the decoder draws them again from its z, and the student must find that z
from a few levels after the first dose, and the prior without any. The kind of body is never told, neither in teaching nor after.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.distributions import MixtureSameFamily, MultivariateNormal

from pkvae_core.structural.shapes import POINTS, USUAL_DOSE_mg
from pkvae_core.vae.decoder import perceptron
from pkvae_core.vae.encoder import lower_triangle, mixture, pool

SCALE_mg_per_L, ERROR, LLOQ_mg_per_L = 0.5, 0.10, 0.1
LATENT, COMPONENTS, PRIOR_COMPONENTS, CLUES = 8, 8, 256, 5
READ, HEAD, TEACHER, DRAW, DOUBT = 96, 256, 320, 160, 64  # widths
TRIANGLE = LATENT * (LATENT + 1) // 2
Hours = slice | Int[Tensor, " time"]  # which of TIMES_H
ALL = slice(None)


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

    def log_likelihood(self, at_levels: Float[Tensor, "patient draw level"], misfit: Float[Tensor, "patient draw level"]) -> Float[Tensor, "patient draw"]:
        """log p(levels | curves that are off by this misfit), up to what depends on neither."""
        sd = (ERROR**2 + misfit.square()).sqrt()
        deviation = (squeezed(self.level)[:, None] - squeezed(at_levels)) / sd
        each = torch.where(self.is_below[:, None], torch.special.log_ndtr(deviation), -0.5 * deviation.square() - sd.log())
        return torch.where(self.is_level[:, None], each, 0).sum(-1)


class ShapeVAE(nn.Module):
    """Encoder (the student), prior, teacher, decoder and its misfit. `provenance` is what its model.json says."""

    def __init__(self, provenance: dict | None = None, *, prior_components: int = PRIOR_COMPONENTS):
        super().__init__()
        self.provenance = provenance or {}
        self.read, self.reread = perceptron(CLUES, READ, READ), perceptron(3 * READ, READ, READ)
        self.head = perceptron(2 * READ + 2, HEAD, HEAD, COMPONENTS * (1 + LATENT + TRIANGLE))
        self.teacher = perceptron(2 * POINTS + 2, TEACHER, LATENT + TRIANGLE)
        self.decoder = perceptron(LATENT + 1, DRAW, DRAW, POINTS)
        self.doubt = perceptron(LATENT + 1, DOUBT, POINTS)
        self.prior_logits = nn.Parameter(torch.zeros(prior_components))
        self.prior_mean = nn.Parameter(torch.randn(prior_components, LATENT))  # the components start apart
        self.prior_scale = nn.Parameter(torch.zeros(prior_components, TRIANGLE))
        last = self.head[-1]
        assert isinstance(last, nn.Linear)
        nn.init.normal_(last.bias, 0, 0.5)

    @property
    def version(self) -> str:
        return self.provenance.get("version", "untrained")

    def prior(self, patients: int = 1) -> MixtureSameFamily:
        """p(z) of a patient of whom no level is known, as often as asked."""
        scale = lower_triangle(self.prior_scale, LATENT)
        return mixture(*(table.expand(patients, *table.shape) for table in (self.prior_logits, self.prior_mean, scale)))

    def posterior(self, levels: ShapeLevels) -> MixtureSameFamily:
        """q(z | levels, dose) of each patient. Levels are read twice, the second time beside the mean and maximum of all."""
        log_dose = (levels.dose_mg / USUAL_DOSE_mg).log()
        wide = log_dose[:, None].expand_as(levels.time_h)
        clues = torch.stack([levels.time_h.sqrt(), (levels.time_h + 0.2).log(), squeezed(levels.level), levels.is_below.float(), wide], -1)
        token, patient = self.read(clues[levels.is_level]), levels.is_level.nonzero()[:, 0]
        token = self.reread(torch.cat([token, pool(token, patient, len(log_dose))[patient]], -1))
        count = levels.is_level.sum(1, keepdim=True)
        pooled = torch.cat([pool(token, patient, len(log_dose)), log_dose[:, None], (count + 1).log()], -1)
        logits, loc, flat = self.head(pooled).unflatten(-1, (COMPONENTS, -1)).split([1, LATENT, TRIANGLE], -1)
        return mixture(logits[..., 0], loc, lower_triangle(flat, LATENT))

    def taught(self, curves: Float[Tensor, "patient dose time"], dose_mg: Float[Tensor, "patient dose"]) -> MultivariateNormal:
        """q_T(z | whole curves after two doses)."""
        clues = torch.cat([squeezed(curves).flatten(1), (dose_mg / USUAL_DOSE_mg).log()], -1)
        loc, flat = self.teacher(clues).split([LATENT, TRIANGLE], -1)
        return MultivariateNormal(loc, scale_tril=lower_triangle(flat - 2.0, LATENT), validate_args=False)

    def decode(self, z: Float[Tensor, "*batch latent"], dose_mg: Float[Tensor, "*batch"], hours: Hours = ALL) -> Float[Tensor, "*batch time"]:
        """Concentrations (mg/L) at TIMES_H, or at some of these hours, after this dose."""
        multiple = (dose_mg / USUAL_DOSE_mg)[..., None]
        bent = nn.functional.softplus(_some(self.decoder, torch.cat([z, multiple.log()], -1), hours), beta=5).clamp(max=12)
        return multiple * SCALE_mg_per_L * bent.sinh()

    def misfit(self, z: Float[Tensor, "*batch latent"], dose_mg: Float[Tensor, "*batch"], hours: Hours = ALL) -> Float[Tensor, "*batch time"]:
        """How closely such curves are drawn: the sd of asinh(true/s) about them."""
        return _some(self.doubt, torch.cat([z, (dose_mg / USUAL_DOSE_mg).log()[..., None]], -1), hours).sub(4.0).clamp(-9, 1).exp()


def _some(net: nn.Sequential, clues: Float[Tensor, "*batch clue"], hours: Hours) -> Float[Tensor, "*batch time"]:
    """These outputs of a network; the others are not computed."""
    last = net[-1]
    assert isinstance(last, nn.Linear)
    return nn.functional.linear(net[:-1](clues), last.weight[hours], last.bias[hours])


def at(curves: Float[Tensor, "*batch time"], grid_h: Float[Tensor, " time"], time_h: Float[Tensor, "*batch level"]) -> Float[Tensor, "*batch level"]:
    """The curves between the hours of the grid (straight lines); before its first hour, its first value."""
    after = torch.searchsorted(grid_h, time_h.contiguous()).clamp(1, len(grid_h) - 1)
    share = ((time_h - grid_h[after - 1]) / (grid_h[after] - grid_h[after - 1])).clamp(0, 1)
    wide = curves.expand(*time_h.shape[:-1], curves.shape[-1])
    return (1 - share) * wide.gather(-1, after - 1) + share * wide.gather(-1, after)


def around(grid_h: Float[Tensor, " time"], time_h: Float[Tensor, "*batch level"]) -> Int[Tensor, " neighbour"]:
    """The hours of the grid between which these lie: `at` gives the same from them alone."""
    after = torch.searchsorted(grid_h, time_h.contiguous()).clamp(1, len(grid_h) - 1)
    return torch.cat([after.flatten() - 1, after.flatten()]).unique()


def objective(
    model: ShapeVAE, curves: Float[Tensor, "patient dose time"], levels: ShapeLevels, dose_mg: Float[Tensor, "patient dose"], curve_sd: float
) -> Tensor:
    """The ELBO with the student as prior, negative, per patient: curves from the teacher's z, the student asked with levels and without."""
    teacher = model.taught(curves, dose_mg)
    z = teacher.rsample()
    twice = z[:, None].expand(-1, dose_mg.shape[1], -1)
    misses = squeezed(model.decode(twice, dose_mg)) - squeezed(curves)
    reconstruction = 0.5 * (misses / curve_sd).square().flatten(1).mean(-1) * 2 * POINTS
    student = -(model.posterior(levels).log_prob(z) + model.prior().log_prob(z)) / 2
    pull = 0.5e-2 * z.square().sum(-1)
    return (reconstruction + student - teacher.entropy() + pull + _doubts(model, misses.detach(), twice.detach(), dose_mg)).mean() / math.sqrt(POINTS)


def _doubts(model: ShapeVAE, misses: Float[Tensor, "patient dose time"], z: Tensor, dose_mg: Tensor) -> Float[Tensor, " patient"]:
    """What the decoder says of its own misses, scored by their likelihood; nothing else learns from it."""
    said = model.misfit(z, dose_mg)
    return (0.5 * (misses / said).square() + said.log()).flatten(1).mean(-1)
