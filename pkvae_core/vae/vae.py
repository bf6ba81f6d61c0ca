"""The model on one scroll: encoder, decoder, teacher, and the objective that binds them.

A virtual patient comes with a whole noise-free curve. The teacher reads it, z ~ q_T(z | curve); the decoder draws it again from z; the student, which is
the encoder that we ship, sees a few noisy levels and must find the same z. One loss, the ELBO of a VAE whose prior is what the student believes (beta = 1):
    E_q_T[-log p(curve | z)] + beta (E_q_T[-log q(z | levels, doses, c)] - H(q_T)) + a light pull of z towards Normal(0, I).
The student is asked twice: with the levels, and with covariates alone, which makes it the prior p(z | c).
z is the patient at the latest covariates. Who the same patient was before they changed is learned from virtual patients whose etas stay while their
covariates change: z + M(z, c, change) change, the latent's own way of keeping an individual's deviation from what is typical. Of a drug that varies between
occasions z is the body of one of them; who the same patient is on another is learned beside it (see `occasions`).
"""

from dataclasses import asdict, dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import MixtureSameFamily

from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.occasions import Epochs
from pkvae_core.drugs.population import Population, VirtualPatients, rows
from pkvae_core.drugs.published import MODELS
from pkvae_core.residual_error import ResidualError
from pkvae_core.structural.any_responses import AnyResponses
from pkvae_core.structural.body import AnyBody, Body
from pkvae_core.structural.exponentials import NEVER, Doses, Pulses, superpose
from pkvae_core.structural.recirculation import Recirculating
from pkvae_core.structural.responses import Responses
from pkvae_core.structural.simulated import Simulated
from pkvae_core.vae.decoder import DECODERS, BodyDecoder, PulseDecoder, perceptron
from pkvae_core.vae.encoder import Scales, SetEncoder, Teacher, covariate_features, differences, sample_features
from pkvae_core.vae.occasions import Occasions
from pkvae_core.vae.recirculation import RecirculationDecoder, one_dose


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
    stages: int = 1  # compartments that a swallowed dose passes before the blood
    errors: tuple[tuple[float, float], ...] | None = None  # proportional and additive (mg/L), where they were learned and not published
    arrivals: int = 0  # waves in which a swallowed dose comes, of a model learned without any structural one (see `observed_model`); 0 for all others
    width: int = 128
    misfit: float = 0.0  # sd of the logarithm of truth over curve: the part of a learned residual error that is not the laboratory's (see `observed`)
    clearance_at_mg_per_L: tuple[float, ...] = ()  # where the teacher looks, of a drug whose elimination saturates, or that meets its target
    backbone: str = "saturable"  # and the textbook's body that its decoder corrects
    has_meals: bool = False  # whether meals bring a swallowed drug back: the curve is that of a dose with the meals of its day
    waves: int = 1  # in which a swallowed dose reaches the blood, each with its share, rate and lag
    onset_changes: bool = False  # whether covariates act on how a dose is absorbed
    clock_h: float = 0.0  # how far the decoder's rise may come early or late: where lags lie among the curve's points, a rise is a cliff
    has_occasions: bool = False  # whether patients differ between occasions: z is then the body of one (see `occasions`)

    @property
    def points(self) -> int:
        """Of the teacher's curve."""
        shown = 1 if self.has_meals else self.routes
        levels = len(self.clearance_at_mg_per_L)
        return DECODERS[self.backbone].points(levels) if levels else 2 * shown * len(self.curve_times_h)

    def to_dict(self) -> dict:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict) -> "Configuration":
        lists = {k: tuple(values["scales"][k]) for k in ("mean", "sd", "is_log")}
        errors = tuple(map(tuple, values["errors"])) if values.get("errors") else None
        tuples = {k: tuple(values.get(k, ())) for k in ("curve_times_h", "clearance_at_mg_per_L")}
        return cls(**{**values, "scales": Scales(**{**values["scales"], **lists}), **tuples, "errors": errors})


def _decoder(c: Configuration) -> PulseDecoder | BodyDecoder | RecirculationDecoder:
    if c.has_meals:
        return RecirculationDecoder(c.latent, c.absorption)
    if c.clearance_at_mg_per_L:
        return DECODERS[c.backbone](c.latent, c.absorption, c.scales.concentration)
    return PulseDecoder(c.latent, c.absorption, c.terms, is_oral=c.routes > 1, stages=c.stages, waves=c.waves)


class PKVAE(nn.Module):
    """One drug's model. `card` is the drug card it serves, `provenance` where it comes from and what was measured on it."""

    def __init__(self, configuration: Configuration, card: DrugCard, provenance: dict | None = None):
        super().__init__()
        c = configuration
        self.configuration, self.card, self.provenance = c, card, provenance or {}
        self.decoder = _decoder(c)
        self.encoder = SetEncoder(len(c.scales.mean), c.routes, c.latent, c.components, has_meals=c.has_meals)
        self.teacher = Teacher(c.points, c.latent)
        self.member = perceptron(c.latent + 2 * len(c.scales.mean), 64, c.models)
        moved = c.latent if c.onset_changes else c.latent - c.absorption
        self.shift = perceptron(c.latent + 3 * len(c.scales.mean), 64, 64, moved * len(c.scales.mean))
        self.occasions = Occasions(c.latent, 2 * len(c.scales.mean)) if c.has_occasions else None

    @property
    def version(self) -> str:
        return self.provenance.get("version", "untrained")

    @property
    def names(self) -> tuple[str, ...]:
        """Whose residual error may apply: the card's published models; "cohort" where there is none."""
        return tuple(m.name for m in self.card.published_models) or ("cohort",)

    @property
    def errors(self) -> tuple[ResidualError, ...]:
        """The residual error of each of `names`: the published one, or what was learned from a cohort."""
        learned = self.configuration.errors
        return tuple(MODELS[name].error for name in self.names) if learned is None else tuple(ResidualError(*pair) for pair in learned)

    @property
    def members(self) -> "tuple[PKVAE, ...]":
        """The models whose answers are mixed: itself, unless it is an ensemble."""
        return (self,)

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
        tokens = sample_features(population, scales, self.configuration.routes, has_meals=self.configuration.has_meals)
        return self.encoder(tokens, population.is_sample, covariate_features(population.covariates, scales))

    def membership(self, z: Float[Tensor, "subject draw latent"], covariates: Float[Tensor, "subject covariate"]) -> Float[Tensor, "subject draw model"]:
        """log p(published model | z, c): whose residual error applies."""
        features = covariate_features(covariates, self.configuration.scales)[:, None].expand(-1, z.shape[1], -1)
        return self.member(torch.cat([z, features], -1)).log_softmax(-1)

    def before(
        self, z: Float[Tensor, "subject draw latent"], covariates: Float[Tensor, "subject covariate"], difference: Float[Tensor, "subject covariate"]
    ) -> Float[Tensor, "subject draw latent"]:
        """The same patients when their standardised covariates lay this far from `covariates`: unchanged where the difference is 0.

        Nor does what absorbs change, unless covariates act on it.
        """
        clues = torch.cat([covariate_features(covariates, self.configuration.scales), difference], -1)[:, None].expand(-1, z.shape[1], -1)
        matrix = self.shift(torch.cat([z, clues], -1)).unflatten(-1, (-1, difference.shape[-1]))
        moved = (matrix @ difference[:, None, :, None])[..., 0]
        return z + nn.functional.pad(moved, (0, z.shape[-1] - moved.shape[-1]))

    def responses(self, z: Float[Tensor, "subject draw latent"], population: Population, *, sampled: tuple[Tensor, ...] = ()) -> AnyResponses:
        """How these patients answer to doses, now and before each change of their covariates.

        `sampled` are the bodies that the same draws had on each of the population's occasions, one after the other; z is theirs thereafter. Without them z
        holds throughout.
        """
        scales, subject = self.configuration.scales, torch.arange(len(z))
        difference = nn.functional.pad(differences(population, scales), (0, 0, 0, 1))  # in the last epoch covariates are the latest ones
        epochs = Epochs.of(population.history.until, population.occasions[:, : len(sampled)])
        bodies, steps = torch.stack([*sampled, z], 1), list(zip(epochs.occasion.unbind(1), epochs.covariate.unbind(1), strict=True))
        earlier = tuple(self.decoder(self.before(bodies[subject, i], population.covariates, difference[subject, j])) for i, j in steps[:-1])
        if not self.is_dose_proportional:
            return Simulated(self.decoder(z), earlier, epochs.until).begun_at(population.morning)
        return Responses(self.decoder(z), earlier, epochs.until, self.configuration.onset_changes)

    def curve(self, now: Pulses | AnyBody) -> Float[Tensor, "subject draw point"]:
        """Logarithms of the reference response to one dose by each route: concentrations, then their integrals, at the curve's times.

        Of a body that is not proportional to dose no single response tells enough: its `traits` over the steady concentration do.
        """
        c = self.configuration
        if isinstance(now, Recirculating):
            return one_dose(now, c.curve_times_h, 1e-5 / c.scales.volume)
        if isinstance(now, Body):
            return now.traits(c.clearance_at_mg_per_L)
        assert isinstance(now, Pulses)
        floor = 1e-5 / c.scales.volume
        parts = [(table.clamp(min=0) + floor).log() for route in range(c.routes) for table in self._reference(now, route)]
        return torch.cat(parts, -1)

    def _reference(self, pulses: Pulses, route: int) -> tuple[Float[Tensor, "subject draw time"], Float[Tensor, "subject draw time"]]:
        """Concentration and integral after 1 mg by this route, at the curve's times."""
        c, count = self.configuration, pulses.lag.shape[0]
        infusion = c.reference_infusion_h if route == 0 else 0.0
        one = Doses(torch.zeros(count, 1), torch.ones(count, 1), torch.full((count, 1), infusion), torch.full((count, 1), route))
        return superpose(pulses, one, torch.tensor(c.curve_times_h).expand(count, -1))

    @torch.no_grad()
    def steepness(self, pulses: Pulses) -> Float[Tensor, "subject draw point"]:
        """How quickly what was swallowed rises at each point of the curve, relative to what is there (1/h); 0 where it falls, and into the vein."""
        c, still = self.configuration, torch.zeros(*pulses.lag.shape[:2], 2 * len(self.configuration.curve_times_h))
        if c.routes == 1:
            return still
        floor, (concentration, area) = 1e-5 / c.scales.volume, self._reference(pulses, 1)
        slope = self._reference(Pulses(-pulses.rate * pulses.amplitude, pulses.rate, pulses.lag, pulses.stages), 1)[0]
        return torch.cat([still, slope / (concentration + floor), concentration / (area.clamp(min=0) + floor)], -1)


@dataclass(frozen=True)
class Parts:
    """The parts of the objective, averaged over a batch (nats a patient)."""

    reconstruction: Tensor
    student: Tensor
    prior: Tensor
    entropy: Tensor
    member: Tensor
    pull: Tensor
    change: Tensor
    occasion: Tensor

    def total(self, beta: float) -> Tensor:
        return (
            self.reconstruction
            + beta * (self.student + 0.5 * self.prior - 1.5 * self.entropy)
            + self.member
            + 1e-2 * self.pull
            + 0.5 * self.change
            + self.occasion
        )


def objective(model: PKVAE, patients: VirtualPatients, seen: Population, *, curve_sd: float) -> Parts:
    """Parts of the loss on one batch; `seen` is what the student sees of `patients`, `curve_sd` the log-scale sd of the reconstruction."""
    curve = model.curve(patients.responses.now)[:, 0]
    teacher = model.teacher(curve)
    z = teacher.rsample()
    fit = _misfit(model, patients.responses.now, curve, z, curve_sd)
    covariates = seen.covariates
    log_member = model.membership(z.detach()[:, None], covariates)[:, 0]
    return Parts(
        reconstruction=fit.mean(),
        student=-model.posterior(seen).log_prob(z).mean(),
        prior=-model.prior(covariates).log_prob(z).mean(),
        entropy=teacher.entropy().mean(),
        member=nn.functional.nll_loss(log_member, patients.model),
        pull=0.5 * z.square().sum(-1).mean(),
        change=_change(model, patients, seen, z.detach(), curve_sd),
        occasion=_occasion(model, patients, covariates, z.detach()),
    )


def _occasion(model: PKVAE, patients: VirtualPatients, covariates: Float[Tensor, "subject covariate"], z: Float[Tensor, "subject latent"]) -> Tensor:
    """How well each patient's usual body is told from this one, and this one from that."""
    if model.occasions is None or patients.usual is None:
        return z.new_zeros(())
    with torch.no_grad():
        usual = model.teacher(model.curve(patients.usual.now)[:, 0]).sample()
    return model.occasions.loss(z, usual, covariate_features(covariates, model.configuration.scales)).mean()


def _misfit(model: PKVAE, true: Pulses | AnyBody, curve: Float[Tensor, "subject point"], z: Float[Tensor, "subject latent"], curve_sd: float) -> Tensor:
    """How far the decoder's curve lies from the `true` one's [subject], in squared standard deviations; looser where either has hardly begun, or nearly gone.

    A lag that is minutes off puts a point on the wrong side of a cliff; what tells the lag is the rise after it. Where the model has a clock, a point on a rise
    is as loose as the rise is steep: else the few patients whose lag just misses a point pull with gradients of thousands, and nothing else is learned.
    """
    found = model.decoder(z[:, None])
    drawn = model.curve(found)[:, 0]
    tolerance = curve_sd * torch.maximum(_slack(curve, model.configuration), _slack(drawn, model.configuration))
    if model.configuration.clock_h and isinstance(found, Pulses) and isinstance(true, Pulses):
        steepest = torch.maximum(model.steepness(found), model.steepness(true))[:, 0]
        tolerance = torch.hypot(tolerance, model.configuration.clock_h * steepest)
    return 0.5 * ((drawn - curve) / tolerance).square().sum(-1)


def _change(model: PKVAE, patients: VirtualPatients, seen: Population, z: Float[Tensor, "subject latent"], curve_sd: float) -> Tensor:
    """Misfit of who the patients were before each change (mean over changes)."""
    difference, fits = differences(seen, model.configuration.scales), []
    for i, pulses in enumerate(patients.responses.earlier):
        did = (seen.history.until[:, i] > NEVER).nonzero()[:, 0]
        before, true = model.before(z[did, None], seen.covariates[did], difference[did, i])[:, 0], rows(pulses, did)
        fits.append(_misfit(model, true, model.curve(true)[:, 0], before, curve_sd))
    every = torch.cat(fits) if fits else z.new_zeros(0)
    return every.mean() if len(every) else z.new_zeros(())


def _slack(curve: Float[Tensor, "subject point"], configuration: Configuration) -> Tensor:
    """How much looser each point may be: concentrations and integrals fade in importance below a fiftieth of their highest value."""
    if configuration.clearance_at_mg_per_L:
        return torch.ones_like(curve)
    parts = curve.unflatten(-1, (-1, 2, len(configuration.curve_times_h)))
    return (1 + 0.02 * (parts.max(-1, keepdim=True).values - parts).exp()).flatten(-3).detach()
