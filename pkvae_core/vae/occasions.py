"""Who is a patient on another occasion, given who they were on this one? Two small networks that link the bodies of one patient through the usual one.

z is the body of one occasion. Between a patient's occasions stands the body that they usually have, b, of the same latent space: J(b | z, c) goes back to it,
and K(z | b, c) on to any occasion. Occasions do not depend on each other once b is known, in any number and order. Both are mixtures of Gaussians; they are
learned from the teacher's codes of virtual patients, of whom both bodies are known, and teach the codes nothing.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import MixtureSameFamily, MultivariateNormal

from pkvae_core.vae.decoder import perceptron
from pkvae_core.vae.encoder import lower_triangle, mixture

COMPONENTS, WIDTH = 3, 64


class Link(nn.Module):
    """From one body of a patient to what is to be expected of another."""

    def __init__(self, latent: int, features: int):
        super().__init__()
        self.latent = latent
        self.net = perceptron(latent + features, WIDTH, WIDTH, COMPONENTS * (1 + latent + latent * (latent + 1) // 2))
        last = self.net[-1]
        assert isinstance(last, nn.Linear)
        nn.init.normal_(last.bias, 0, 0.3)  # the components start apart
        with torch.no_grad():
            last.weight.mul_(0.1)

    def forward(self, z: Float[Tensor, "*batch latent"], features: Float[Tensor, "*batch feature"]) -> MixtureSameFamily:
        out = self.net(torch.cat([z, features], -1)).unflatten(-1, (COMPONENTS, -1))
        logits, shift, flat = out.split([1, self.latent, self.latent * (self.latent + 1) // 2], -1)
        return mixture(logits[..., 0], z[..., None, :] + shift, lower_triangle(flat, self.latent))


class Occasions(nn.Module):
    """J is `usual`, K is `another`."""

    def __init__(self, latent: int, features: int):
        super().__init__()
        self.usual, self.another = Link(latent, features), Link(latent, features)

    def loss(
        self, z: Float[Tensor, "subject latent"], usual: Float[Tensor, "subject latent"], features: Float[Tensor, "subject feature"]
    ) -> Float[Tensor, " subject"]:
        """-log J(b | z, c) - log K(z | b, c)."""
        return -self.usual(z, features).log_prob(usual) - self.another(usual, features).log_prob(z)


def one_each(expected: MixtureSameFamily, generator: torch.Generator) -> Float[Tensor, "subject draw latent"]:
    """One draw from the mixture of each draw of each subject; the same chances for every subject, so that a seed gives the same draws whatever the batch."""
    parts = expected.component_distribution
    assert isinstance(parts, MultivariateNormal)
    draws, latent = parts.batch_shape[1], parts.event_shape[0]
    chance, normal = torch.rand(draws, 1, generator=generator), torch.randn(draws, latent, generator=generator)
    edges = expected.mixture_distribution.probs.cumsum(-1)
    which = (edges < chance).sum(-1).clamp(max=edges.shape[-1] - 1)[..., None, None]
    centre = parts.loc.take_along_dim(which, -2)[..., 0, :]
    scale = parts.scale_tril.take_along_dim(which[..., None], -3)[..., 0, :, :]
    return centre + (scale @ normal[..., None])[..., 0]
