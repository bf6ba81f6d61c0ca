"""The model on one scroll: encoder, decoder, teacher, and the objective that binds them.

A virtual patient comes with a whole noise-free curve. The teacher reads it, z ~ q_T(z | curve); the decoder draws it again from z; the student, which is
the encoder that we ship, sees a few noisy levels and must find the same z. One loss, the ELBO of a VAE whose prior is what the student believes (beta = 1):
    E_q_T[-log p(curve | z)] + beta (E_q_T[-log q(z | levels, doses, c)] - H(q_T)) + a light pull of z towards Normal(0, I).
The student is asked twice: with the levels, and with covariates alone, which makes it the prior p(z | c).
"""

from dataclasses import asdict, dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import MixtureSameFamily

from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.population import Population, VirtualPatients
from pkvae_core.records.physiology import renal_weight
from pkvae_core.structural.exponentials import Doses, Pulses, superpose
from pkvae_core.vae.decoder import PulseDecoder, perceptron
from pkvae_core.vae.encoder import Scales, SetEncoder, Teacher, covariate_features, sample_features


@dataclass(frozen=True)
class Configuration:
    """Everything that rebuilds the network."""

    scales: Scales
    models: int
    routes: int
    curve_times_h: tuple[float, ...]
    reference_infusion_h: float = 0.5
    latent: int = 5
    absorption: int = 0
    components: int = 6
    terms: int = 3

    def to_dict(self) -> dict:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict) -> "Configuration":
        lists = {k: tuple(values["scales"][k]) for k in ("mean", "sd", "is_log")}
        return cls(**{**values, "scales": Scales(**{**values["scales"], **lists}), "curve_times_h": tuple(values["curve_times_h"])})


class PKVAE(nn.Module):
    """One drug's model. `card` is the drug card it serves, `provenance` where it comes from and what was measured on it."""

    def __init__(self, configuration: Configuration, card: DrugCard, provenance: dict | None = None):
        super().__init__()
        c = configuration
        self.configuration, self.card, self.provenance = c, card, provenance or {}
        self.decoder = PulseDecoder(c.latent, c.absorption, c.terms, is_oral=c.routes > 1)
        self.encoder = SetEncoder(len(c.scales.mean), c.routes, c.latent, c.components)
        self.teacher = Teacher(2 * c.routes * len(c.curve_times_h), c.latent)
        self.member = perceptron(c.latent + 2 * len(c.scales.mean), 64, c.models)

    @property
    def version(self) -> str:
        return self.provenance.get("version", "untrained")

    @property
    def is_dose_proportional(self) -> bool:
        return self.decoder.is_dose_proportional

    def prior(self, covariates: Float[Tensor, "subject covariate"]) -> MixtureSameFamily:
        """p(z | c): what the student believes of a patient without levels (NaN = unknown covariate)."""
        none = torch.zeros(covariates.shape[0], 0, self.encoder.clues)
        return self.encoder(none, none[..., 0].bool(), covariate_features(covariates, self.configuration.scales))

    def posterior(self, population: Population) -> MixtureSameFamily:
        """q(z | levels, doses, c) for each subject."""
        scales = self.configuration.scales
        tokens = sample_features(population, scales, self.configuration.routes)
        return self.encoder(tokens, population.is_sample, covariate_features(population.covariates, scales))

    def membership(self, z: Float[Tensor, "subject draw latent"], covariates: Float[Tensor, "subject covariate"]) -> Float[Tensor, "subject draw model"]:
        """log p(published model | z, c): whose residual error applies."""
        features = covariate_features(covariates, self.configuration.scales)[:, None].expand(-1, z.shape[1], -1)
        return self.member(torch.cat([z, features], -1)).log_softmax(-1)

    def curve(self, pulses: Pulses) -> Float[Tensor, "subject draw point"]:
        """Logarithms of the reference response to one dose by each route: concentrations, then their integrals, at the curve's times."""
        c = self.configuration
        time = torch.tensor(c.curve_times_h)[None]
        parts = []
        for route in range(c.routes):
            infusion = c.reference_infusion_h if route == 0 else 0.0
            dose = Doses(torch.zeros(1, 1), torch.ones(1, 1), torch.full((1, 1), infusion), torch.full((1, 1), route))
            one = Doses(*(getattr(dose, f).expand(pulses.lag.shape[0], 1) for f in ("time", "amount", "duration", "route")))
            concentration, area = superpose(pulses, one, time.expand(pulses.lag.shape[0], -1))
            floor = 1e-5 / c.scales.volume
            parts += [(concentration.clamp(min=0) + floor).log(), (area.clamp(min=0) + floor).log()]
        return torch.cat(parts, -1)


@dataclass(frozen=True)
class Parts:
    """The parts of the objective, averaged over a batch (nats a patient)."""

    reconstruction: Tensor
    student: Tensor
    prior: Tensor
    entropy: Tensor
    member: Tensor
    pull: Tensor

    def total(self, beta: float) -> Tensor:
        return self.reconstruction + beta * (self.student + 0.5 * self.prior - 1.5 * self.entropy) + self.member + 1e-2 * self.pull


def objective(model: PKVAE, patients: VirtualPatients, seen: Population, *, curve_sd: float) -> Parts:
    """Parts of the loss on one batch; `seen` is what the student sees of `patients`, `curve_sd` the log-scale sd of the reconstruction."""
    curve = model.curve(patients.pulses)[:, 0]
    teacher = model.teacher(curve)
    z = teacher.rsample()
    drawn = model.curve(model.decoder(z[:, None]))[:, 0]
    sd = curve_sd * _slack(curve, model.configuration)
    fit = 0.5 * ((drawn - curve) / sd).square().sum(-1)
    covariates = seen.covariates
    log_member = model.membership(z.detach()[:, None], covariates)[:, 0]
    return Parts(
        reconstruction=fit.mean(),
        student=-model.posterior(seen).log_prob(z).mean(),
        prior=-model.prior(covariates).log_prob(z).mean(),
        entropy=teacher.entropy().mean(),
        member=nn.functional.nll_loss(log_member, patients.model),
        pull=0.5 * z.square().sum(-1).mean(),
    )


def _slack(curve: Float[Tensor, "subject point"], configuration: Configuration) -> Tensor:
    """How much looser each point may be: concentrations and integrals fade in importance below a fiftieth of their highest value."""
    parts = curve.unflatten(-1, (configuration.routes, 2, -1))
    return (1 + 0.02 * (parts.max(-1, keepdim=True).values - parts).exp()).flatten(-3).detach()


def hide(population: Population, generator: torch.Generator, names: tuple[str, ...]) -> Population:
    """The population as a clinic would send it: half of the patients complete, the others with covariates missing at random.

    Creatinine clearance is known where age, sex, weight and creatinine are, and for half of the others (a chart may state it alone).
    """
    covariates = population.covariates.clone()
    count = covariates.shape[0]
    is_incomplete = torch.rand(count, 1, generator=generator) < 0.5
    is_hidden = is_incomplete & (torch.rand(covariates.shape, generator=generator) < torch.rand(count, 1, generator=generator))
    if "CRCL" in names:
        ingredients = [names.index(n) for n in ("AGE", "SEX", "WT", "SCR")]
        is_hidden[:, names.index("CRCL")] = is_hidden[:, ingredients].any(1) & (torch.rand(count, generator=generator) < 0.5)
        sized = [names.index(n) for n in ("WT", "HT", "SEX")]
        unsized = is_hidden[:, names.index("HT")] & ~is_hidden[:, ingredients].any(1)  # without a height, Cockcroft-Gault takes the actual weight
        actual = covariates[:, sized[0]] / renal_weight(*covariates[:, sized].unbind(1))
        covariates[:, names.index("CRCL")] *= torch.where(unsized, actual, 1)
    covariates[is_hidden] = torch.nan
    return replace(population, covariates=covariates)
