"""Who is this patient, given levels, doses and covariates: networks that propose a distribution over z."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

from pkvae_core.drugs.population import Population
from pkvae_core.structural.exponentials import NEVER, Pulses, superpose
from pkvae_core.structural.recirculation import DAY_H, MEALS_H
from pkvae_core.vae.decoder import perceptron

FADING_RATES_PER_H = (2.0, 0.7, 0.25, 0.08, 0.025, 0.008)
CLOCK = 3  # clues about the time of day
FORGETTING_RATES_PER_H = (50.0, 0.2, 0.02)  # over which past a level averages covariates that have changed since: now, hours, days


def lower_triangle(flat: Float[Tensor, "*batch entries"], latent: int) -> Float[Tensor, "*batch latent latent"]:
    """Cholesky factor from its unconstrained entries: first the log of the diagonal, then what lies below it."""
    below = torch.zeros(*flat.shape[:-1], latent, latent, dtype=flat.dtype)
    row, column = torch.tril_indices(latent, latent, -1)
    below[..., row, column] = flat[..., latent:]
    return below + torch.diag_embed(flat[..., :latent].clamp(-7, 3).exp())


@dataclass(frozen=True)
class Scales:
    """What the features are measured in: mean and sd of each covariate (log but for 0/1 ones), a concentration (mg/L) and a volume (L) typical of the drug,
    and how many hours count as one: of a drug that lasts for weeks, many."""

    mean: tuple[float, ...]
    sd: tuple[float, ...]
    is_log: tuple[bool, ...]
    concentration: float
    volume: float
    hours: float = 1.0


def covariate_features(covariates: Float[Tensor, "subject covariate"], scales: Scales) -> Float[Tensor, "subject feature"]:
    """Standardised covariates, 0 where unknown, and a flag for each that is known."""
    is_known = ~covariates.isnan()
    value = standardised(covariates, scales)
    return torch.cat([torch.where(is_known, value, 0), is_known.float()], -1)


def standardised(covariates: Float[Tensor, "*batch covariate"], scales: Scales) -> Float[Tensor, "*batch covariate"]:
    """Covariates in standard deviations from their mean (of the logarithm but for 0/1 ones), NaN where unknown."""
    value = torch.where(torch.tensor(scales.is_log, dtype=torch.bool), covariates.clamp(min=1e-6).log(), covariates)
    return (value - torch.tensor(scales.mean)) / torch.tensor(scales.sd)


def differences(population: Population, scales: Scales) -> Float[Tensor, "subject change covariate"]:
    """How far each earlier value of each covariate lay from the latest one, standardised; 0 where unknown."""
    earlier, latest = standardised(population.history.covariates, scales), standardised(population.covariates, scales)
    return (earlier - latest[:, None]).nan_to_num(0)


def change_features(population: Population, scales: Scales) -> Float[Tensor, "subject sample clue"]:
    """How different the covariates were when each level was drawn and before it: averages of `differences` over a fading past, one for each rate."""
    time, until = population.sample_time[..., None, None], population.history.until[:, None, :, None]
    began = torch.cat([torch.full_like(until[:, :, :1], NEVER), until[:, :, :-1]], 2)
    rate = torch.tensor(FORGETTING_RATES_PER_H) / scales.hours
    share = torch.exp(-rate * (time - until).clamp(min=0)) - torch.exp(-rate * (time - began).clamp(min=0))  # subject sample change rate
    return torch.einsum("scer,sev->scrv", share, differences(population, scales)).flatten(2)


def clock_features(time: Float[Tensor, "subject sample"]) -> Float[Tensor, "subject sample 3"]:
    """Where on the day each level was drawn, and how long after the last meal."""
    hour = time.remainder(DAY_H)
    since = (hour[..., None] - torch.tensor(MEALS_H)).remainder(DAY_H).min(-1).values
    angle = 2 * math.pi / DAY_H * hour
    return torch.stack([angle.sin(), angle.cos(), (since + 0.1).log()], -1)


def sample_features(population: Population, scales: Scales, routes: int, *, has_meals: bool = False) -> Float[Tensor, "subject sample clue"]:
    """One token for each level: its logarithm, whether it is below its limit, the clock, the doses as seen from it (fading-memory traces by
    route), and what has changed since; where meals matter, the time of day too."""
    doses, time = population.doses, population.sample_time
    bank = (torch.tensor(FADING_RATES_PER_H) / scales.hours).view(1, len(FADING_RATES_PER_H), 1, 1).expand(time.shape[0], -1, routes, 1)
    memory = Pulses(torch.ones_like(bank), bank, torch.zeros_like(bank[..., 0]))
    used = [bool(((doses.route == r) & (doses.amount > 0)).any()) for r in range(routes)]
    traces = [
        superpose(memory, doses.of_route(r), time)[0] if used[r] else time.new_zeros(len(time), len(FADING_RATES_PER_H), time.shape[1]) for r in range(routes)
    ]
    traces = torch.cat(traces, 1).transpose(1, 2) / (scales.concentration * scales.volume)
    given = (doses.amount > 0)[:, None]
    since = torch.where(given & (doses.time[:, None] < time[..., None]), time[..., None] - doses.time[:, None], torch.inf)
    last, which = since.min(-1)
    last = torch.where(last.isinf(), 0, last)
    infusion = doses.duration.gather(1, which)
    first = time - torch.where(given[:, 0], doses.time, torch.inf).min(1).values.clamp(max=1e6)[:, None]
    first, since_last, run = first.clamp(min=0) / scales.hours, last / scales.hours, infusion / scales.hours
    clock = torch.stack([first.log1p(), (since_last + 0.1).log(), run.log1p(), (last < infusion).float()], -1)
    level = torch.stack([(population.level.clamp(min=1e-6) / scales.concentration).log(), population.is_below_lloq.float()], -1)
    day = [clock_features(time - population.morning[:, None])] if has_meals else []
    return torch.cat([level, clock, (traces + 1e-4).log(), change_features(population, scales), *day], -1)


class SetEncoder(nn.Module):
    """q(z | levels, doses, covariates): a mixture of full-covariance Gaussians from a set network; with no levels it is the prior p(z | c).

    Two rounds: each token is read with the covariates, then again with the mean and maximum of all of them; order and padding change nothing.
    """

    def __init__(self, covariates: int, routes: int, latent: int, components: int, width: int = 128, *, has_meals: bool = False):
        super().__init__()
        self.latent, self.components = latent, components
        self.context = perceptron(2 * covariates, width, width)
        self.clues = 6 + len(FADING_RATES_PER_H) * routes + len(FORGETTING_RATES_PER_H) * covariates + CLOCK * has_meals
        self.read = perceptron(self.clues + width, width, width)
        self.reread = perceptron(3 * width, width, width)
        self.head = perceptron(3 * width + 2, 2 * width, width, components * (1 + latent + latent * (latent + 1) // 2))
        last = self.head[-1]
        assert isinstance(last, nn.Linear)
        nn.init.normal_(last.bias, 0, 0.5)  # the components start apart
        with torch.no_grad():
            last.weight.mul_(0.1)

    def forward(self, tokens: Float[Tensor, "subject sample clue"], is_sample: Tensor, covariates: Float[Tensor, "subject feature"]) -> MixtureSameFamily:
        context = self.context(covariates)
        subject = is_sample.nonzero()[:, 0]  # only real levels are read: padding cannot change anything
        token = self.read(torch.cat([tokens[is_sample], context[subject]], -1))
        token = self.reread(torch.cat([token, pool(token, subject, len(context))[subject]], -1))
        count = is_sample.sum(1, keepdim=True).float()
        out = self.head(torch.cat([pool(token, subject, len(context)), context, count / 10, (count + 1).log()], -1))
        logits, mean, flat = out.unflatten(-1, (self.components, -1)).split([1, self.latent, self.latent * (self.latent + 1) // 2], -1)
        return mixture(logits[..., 0], mean, lower_triangle(flat, self.latent))


def pool(token: Float[Tensor, "level width"], subject: Tensor, subjects: int) -> Float[Tensor, "subject pooled"]:
    """Mean and maximum over each subject's levels; 0 where there is none."""
    index = subject[:, None].expand_as(token)
    nothing = token.new_zeros(subjects, token.shape[1])
    return torch.cat([nothing.scatter_reduce(0, index, token, reduce, include_self=False) for reduce in ("mean", "amax")], -1)


def mixture(logits: Float[Tensor, "*batch component"], mean: Tensor, scale: Tensor) -> MixtureSameFamily:
    return MixtureSameFamily(
        Categorical(logits=logits, validate_args=False), MultivariateNormal(mean, scale_tril=scale, validate_args=False), validate_args=False
    )


class Teacher(nn.Module):
    """q_T(z | curve): a sharp Gaussian from the whole noise-free response of a virtual patient; only training and the map of the latent space use it."""

    mean: Tensor
    sd: Tensor

    def __init__(self, points: int, latent: int, width: int = 192):
        super().__init__()
        self.latent = latent
        self.net = perceptron(points, width, width, latent + latent * (latent + 1) // 2)
        self.register_buffer("mean", torch.zeros(points))
        self.register_buffer("sd", torch.ones(points))

    def forward(self, curve: Float[Tensor, "subject point"]) -> MultivariateNormal:
        mean, flat = self.net((curve - self.mean) / self.sd).split([self.latent, self.latent * (self.latent + 1) // 2], -1)
        return MultivariateNormal(mean, scale_tril=lower_triangle(flat - 2.0, self.latent), validate_args=False)
