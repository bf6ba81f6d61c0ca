"""What is a model that was learned from observed patients: a small VAE, and several of them where one cohort leaves room for several populations."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import MixtureSameFamily

from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.population import Population
from pkvae_core.residual_error import ResidualError
from pkvae_core.structural.any_responses import AnyResponses
from pkvae_core.vae.arrivals import ArrivalDecoder
from pkvae_core.vae.decoder import perceptron
from pkvae_core.vae.encoder import SetEncoder, covariate_features, mixture
from pkvae_core.vae.occasions import Occasions
from pkvae_core.vae.vae import PKVAE, Configuration


class ObservedVAE(PKVAE):
    """z ~ Normal(m(c), 1), `ArrivalDecoder`, and a set encoder for patients with levels; one residual error for everybody.

    Where covariates change, the patient's own deviation z - m(c) stays.
    """

    def __init__(self, configuration: Configuration, card: DrugCard, provenance: dict | None = None):
        nn.Module.__init__(self)
        c = configuration
        self.configuration, self.card, self.provenance = c, card, provenance or {}
        self.decoder = ArrivalDecoder(c.latent, c.terms, c.arrivals if c.routes > 1 else 0, c.width // 2, c.stages)
        self.encoder = SetEncoder(len(c.scales.mean), c.routes, c.latent, c.components, c.width)
        self.typical = _Typical(2 * len(c.scales.mean), c.latent)
        self.occasions = None

    def prior(self, covariates: Float[Tensor, "subject covariate"]) -> MixtureSameFamily:
        mean = self.typical(covariate_features(covariates, self.configuration.scales))
        return mixture(torch.zeros(len(mean), 1), mean[:, None], torch.eye(mean.shape[1]).expand(len(mean), 1, -1, -1))

    def membership(self, z: Float[Tensor, "subject draw latent"], covariates: Float[Tensor, "subject covariate"]) -> Float[Tensor, "subject draw model"]:
        return torch.zeros_like(z[..., :1])

    def before(
        self, z: Float[Tensor, "subject draw latent"], covariates: Float[Tensor, "subject covariate"], difference: Float[Tensor, "subject covariate"]
    ) -> Float[Tensor, "subject draw latent"]:
        now = covariate_features(covariates, self.configuration.scales)
        return z + (self.typical(now + nn.functional.pad(difference, (0, difference.shape[-1]))) - self.typical(now))[:, None]


class _Typical(nn.Module):
    """m(c): linear in the standardised covariates, plus what a small network adds; 0 to begin with."""

    def __init__(self, features: int, latent: int):
        super().__init__()
        self.latent, self.features = latent, features
        if features:
            self.straight, self.bent = nn.Linear(features, latent, bias=False), perceptron(features, 16, latent)
            last = self.bent[-1]
            assert isinstance(last, nn.Linear)
            for table in (self.straight.weight, last.weight, last.bias):
                nn.init.zeros_(table)

    def forward(self, features: Float[Tensor, "subject feature"]) -> Float[Tensor, "subject latent"]:
        return self.straight(features) + self.bent(features) if self.features else features.new_zeros(len(features), self.latent)


class Ensemble(PKVAE):
    """Several models of one cohort, as far apart as the cohort leaves open: `individualise` mixes their answers. One latent space means that of the first."""

    def __init__(self, each: Sequence[PKVAE], provenance: dict | None = None):
        nn.Module.__init__(self)
        self.each = nn.ModuleList(each)
        self.card, self.provenance = each[0].card, provenance or {}

    @property
    def members(self) -> tuple[PKVAE, ...]:
        return tuple(self.each)  # pyright: ignore[reportReturnType]

    @property
    def configuration(self) -> Configuration:
        return self.members[0].configuration

    @property
    def decoder(self) -> nn.Module:
        return self.members[0].decoder

    @property
    def occasions(self) -> Occasions | None:
        return self.members[0].occasions

    @property
    def errors(self) -> tuple[ResidualError, ...]:
        return self.members[0].errors

    def prior(self, covariates: Float[Tensor, "subject covariate"]) -> MixtureSameFamily:
        return self.members[0].prior(covariates)

    def posterior(self, population: Population) -> MixtureSameFamily:
        return self.members[0].posterior(population)

    def membership(self, z: Float[Tensor, "subject draw latent"], covariates: Float[Tensor, "subject covariate"]) -> Float[Tensor, "subject draw model"]:
        return self.members[0].membership(z, covariates)

    def before(
        self, z: Float[Tensor, "subject draw latent"], covariates: Float[Tensor, "subject covariate"], difference: Float[Tensor, "subject covariate"]
    ) -> Float[Tensor, "subject draw latent"]:
        return self.members[0].before(z, covariates, difference)

    def responses(self, z: Float[Tensor, "subject draw latent"], population: Population, *, sampled: tuple[Tensor, ...] = ()) -> AnyResponses:
        return self.members[0].responses(z, population, sampled=sampled)


def built(configuration: Configuration, card: DrugCard, provenance: dict | None = None) -> PKVAE:
    """The untrained network that this configuration describes."""
    return (ObservedVAE if configuration.arrivals else PKVAE)(configuration, card, provenance)
