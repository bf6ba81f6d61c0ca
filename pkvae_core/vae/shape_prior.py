"""Which z do bodies have, before any level? A mixture of many Gaussians, fitted to the teacher's z of fresh patients (EM: Dempster, Laird & Rubin 1977).

In training the prior has few components and learns by gradient, beside all else that learns; what it then says of fresh patients is several nats short of
what this mixture says, and a posterior is no better than its prior.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from pkvae_core.vae.shapes import LATENT, PRIOR_COMPONENTS, ShapeVAE

ROUNDS, AT_ONCE = 25, 10_000
PRIOR_PATIENTS, PRIOR_SD = 10.0, 0.1  # of each component's covariance: worth so many patients with this sd


@dataclass(frozen=True)
class Mixture:
    """log share, mean and covariance of each component."""

    log_share: Float[Tensor, " component"]
    mean: Float[Tensor, "component latent"]
    covariance: Float[Tensor, "component latent latent"]

    def log_parts(self, z: Float[Tensor, "patient latent"]) -> Float[Tensor, "patient component"]:
        """log(share x density) of each component."""
        whitening = torch.linalg.inv(torch.linalg.cholesky(self.covariance))
        centre = (whitening @ self.mean[..., None]).flatten()
        distance = (z @ whitening.flatten(0, 1).T - centre).square().unflatten(-1, self.mean.shape).sum(-1)
        return self.log_share + whitening.diagonal(dim1=-2, dim2=-1).log().sum(-1) - 0.5 * z.shape[1] * math.log(2 * math.pi) - 0.5 * distance


def fitted(z: Float[Tensor, "patient latent"], components: int, generator: torch.Generator, *, rounds: int = ROUNDS) -> Mixture:
    """The mixture after these rounds of EM, started at patients drawn at random."""
    start = z[torch.randperm(len(z), generator=generator)[:components]]
    found = Mixture(torch.full((components,), -math.log(components)), start, torch.cov(z.T).expand(components, -1, -1) / components**0.25)
    for _ in range(rounds):
        found = _maximised(z, found)
    return found


def _maximised(z: Float[Tensor, "patient latent"], found: Mixture) -> Mixture:
    """One round: every patient belongs to each component in part; each component is then the mean and covariance of what belongs to it."""
    count, size = found.mean.shape
    number, total, squares = torch.full((count,), 1e-3), torch.zeros(count, size), torch.zeros(count, size, size)
    for some in z.split(AT_ONCE):
        share = found.log_parts(some).softmax(-1)
        number, total = number + share.sum(0), total + share.T @ some
        squares = squares + (share.T @ (some[:, :, None] * some[:, None]).flatten(1)).view_as(squares)
    mean = total / number[:, None]
    spread = squares - number[:, None, None] * mean[:, :, None] * mean[:, None]
    covariance = (spread + PRIOR_PATIENTS * PRIOR_SD**2 * torch.eye(size)) / (number + PRIOR_PATIENTS)[:, None, None]
    return Mixture((number / number.sum()).log(), mean, covariance)


@torch.no_grad()
def give_prior(model: ShapeVAE, curves: Float[Tensor, "patient dose time"], dose_mg: Float[Tensor, "patient dose"], generator: torch.Generator) -> None:
    """The model's prior becomes the mixture that fits these patients."""
    taught = model.taught(curves, dose_mg)
    normal = torch.randn(taught.loc.shape, generator=generator)
    found = fitted(taught.loc + (taught.scale_tril @ normal[..., None])[..., 0], PRIOR_COMPONENTS, generator)
    scale = torch.linalg.cholesky(found.covariance)
    row, column = torch.tril_indices(LATENT, LATENT, -1)
    flat = torch.cat([scale.diagonal(dim1=-2, dim2=-1).log(), scale[:, row, column]], -1)
    model.prior_logits, model.prior_mean, model.prior_scale = (nn.Parameter(table) for table in (found.log_share, found.mean, flat))
