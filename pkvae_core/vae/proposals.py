"""Where do the latents of observed patients lie, as long as the model that says so is still learning?

An encoder would have to be learned first. Instead each patient has a Gaussian of its own around the mode of p(levels | z) p(z | c), with the Gauss-Newton
curvature there, J' W J + 1. The modes follow the model by one damped step (Levenberg-Marquardt) for each of its own: a step that does not climb is not taken,
and any of a few draws from the prior that lies higher is.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.distributions import MixtureSameFamily

from pkvae_core.drugs.population import Population
from pkvae_core.vae.bound import Learner
from pkvae_core.vae.encoder import mixture

NUDGE = 1e-2  # of z, for the derivatives
FARTHEST = 1.0  # length of a step
CHANCES = 4  # tries from the prior at each step, by which a patient gets out of a lesser mode
WIDER = 1.15  # than the curvature says
SHARPEST = 1e10  # curvature; more cannot be told from less beside the prior's
DAMPING, LEAST, MOST, EASE, BRAKE = 0.1, 1e-3, 1e3, 0.3, 4.0


@dataclass
class Proposals:
    """The modes found so far, the next step's ends, and how much each patient's steps are damped."""

    mode: Float[Tensor, "subject latent"]
    ahead: Float[Tensor, "subject latent"]
    damping: Float[Tensor, " subject"]

    @classmethod
    def of(cls, subjects: int, latent: int) -> "Proposals":
        return cls(torch.zeros(subjects, latent), torch.zeros(subjects, latent), torch.full((subjects,), DAMPING))

    @torch.no_grad()
    def follow(self, learner: Learner, population: Population, index: Int[Tensor, " subject"]) -> MixtureSameFamily:
        """The Gaussians of these patients, who are the rows of `population`, after one step of their modes; torch's own generator. One residual error."""
        model = learner.model
        prior = model.prior(population.covariates).mean
        anywhere = prior[:, None] + torch.randn(len(index), CHANCES, prior.shape[1])
        tried = torch.cat([self.mode[index, None], self.ahead[index, None], anywhere], 1)
        height = learner.log_levels(population, _levels(learner, population, tried), tried) - 0.5 * (tried - prior[:, None]).square().sum(-1)
        best = height.nan_to_num(-torch.inf).argmax(1)
        mode = tried[torch.arange(len(tried)), best]
        damping = (self.damping[index] * torch.where(best > 0, EASE, BRAKE)).clamp(LEAST, MOST)
        slope, curvature = _slope_and_curvature(learner, population, mode, prior)
        eased = curvature + torch.diag_embed(damping[:, None] * curvature.diagonal(dim1=1, dim2=2))
        step = torch.linalg.solve(eased.double(), slope.double()).float()
        step = step * (FARTHEST / step.norm(dim=1, keepdim=True).clamp(min=FARTHEST))
        self.mode[index], self.ahead[index], self.damping[index] = mode, mode + step, damping
        return mixture(torch.zeros(len(mode), 1), mode[:, None], WIDER * root_of_inverse(curvature.double()).float()[:, None])


def root_of_inverse(curvature: Float[Tensor, "subject latent latent"]) -> Float[Tensor, "subject latent latent"]:
    """Lower triangles L with L L' the inverse. The prior alone has a curvature of 1: where rounding has left less in some direction, it is 1 there."""
    root, failed = torch.linalg.cholesky_ex(torch.linalg.inv_ex(curvature).inverse)
    lost = (failed > 0) | ~root.isfinite().flatten(1).all(1)
    if bool(lost.any()):
        value, direction = torch.linalg.eigh(curvature[lost])
        root[lost] = torch.linalg.cholesky((direction / value.clamp(1, SHARPEST)[:, None]) @ direction.mT)
    return root


def _levels(learner: Learner, population: Population, z: Float[Tensor, "subject draw latent"]) -> Float[Tensor, "subject draw sample"]:
    return learner.model.responses(z, population).curves(population.doses, population.sample_time)[0]


def _slope_and_curvature(
    learner: Learner, population: Population, z: Float[Tensor, "subject latent"], prior: Float[Tensor, "subject latent"]
) -> tuple[Float[Tensor, "subject latent"], Float[Tensor, "subject latent latent"]]:
    """Gradient of log p(levels | z) p(z | c), and its Gauss-Newton curvature; of a level below its limit, the square of its slope."""
    nudges = torch.cat([torch.zeros(1, z.shape[1]), NUDGE * torch.eye(z.shape[1])])
    concentration = _levels(learner, population, z[:, None] + nudges)
    change = (concentration[:, 1:] - concentration[:, :1]) / NUDGE  # subject latent sample
    with torch.enable_grad():
        here = concentration[:, :1].detach().requires_grad_()
        (slope,) = torch.autograd.grad(learner.log_levels(population, here, z[:, None]).sum(), here)
    sd = learner.sds(here.detach())[0][:, 0]
    weight = torch.where(population.is_below_lloq, slope[:, 0].square(), population.trust * population.is_sample / sd.square())
    curvature = torch.eye(z.shape[1]) + torch.einsum("sli,si,ski->slk", change, weight, change)
    is_fit = curvature.isfinite().flatten(1).all(1)  # elsewhere, as where a curve is too steep for single precision, nothing is known but the prior
    curvature = torch.where(is_fit[:, None, None], curvature, torch.eye(z.shape[1]))
    return (torch.einsum("sli,si->sl", change, slope[:, 0]) + prior - z).nan_to_num(0, 0, 0), curvature
