"""What is believed of a patient who was seen on several occasions, and of the next one?

Levels of one occasion tell z, the body of that occasion, by the ladder. From its draws follow those of the usual body, b ~ J(b | z, c), and with them what is
believed before the levels of the next occasion, the mixture of K(z | b_i, c) over the draws i: the same ladder with another prior. Each of its draws goes back
to one of the b_i, whose earlier bodies left what is still there of earlier doses, and so on: in the end every draw is a whole patient, with a body on each
sampled occasion, a usual one, and a fresh one for all that comes after.
"""

import math
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.distributions import MixtureSameFamily, MultivariateNormal

from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.occasions import varies_between_occasions
from pkvae_core.drugs.population import Population
from pkvae_core.drugs.published import MODELS
from pkvae_core.inference.importance import WeightedDraws, unweighted
from pkvae_core.inference.ladder import RUNGS, climb
from pkvae_core.patient import Patient
from pkvae_core.residual_error import ResidualError
from pkvae_core.structural.any_responses import AnyResponses
from pkvae_core.vae.encoder import covariate_features, mixture
from pkvae_core.vae.occasions import one_each
from pkvae_core.vae.vae import PKVAE

ECHOES = 400  # draws of the usual body that stand for all of them before another occasion
WORDS = {"CL": "clearance", "V1": "volume", "ktr": "absorption rate"}
FROM_BELIEF = 0.5  # of the proposals for another occasion: from what is believed before it; the others from the encoder, which knows its levels alone


@dataclass(frozen=True)
class Visited:
    """Weighed draws of the body on the last occasion, the bodies of each draw on all of them, and the one thereafter."""

    drawn: WeightedDraws
    rungs: tuple[str, ...]
    sampled: tuple[Float[Tensor, "subject draw latent"], ...]
    later: Float[Tensor, "subject draw latent"]


class Revisit(PKVAE):
    """The model of one patient whose earlier occasions are known as draws: `expected` of the next one by each, and the bodies `sampled` on those before."""

    def __init__(self, model: PKVAE, expected: MixtureSameFamily, sampled: tuple[Float[Tensor, "1 echo latent"], ...], seed: int):
        nn.Module.__init__(self)
        self.model, self.expected, self.sampled, self.seed = model, expected, sampled, seed
        self.card = model.card

    @property
    def errors(self) -> tuple[ResidualError, ...]:
        return self.model.errors

    def prior(self, covariates: Float[Tensor, "subject covariate"]) -> MixtureSameFamily:
        """The mixture over all earlier draws."""
        parts = _gaussians(self.expected)
        logits = self.expected.mixture_distribution.logits.log_softmax(-1)
        return mixture(logits.flatten(1), parts.loc.flatten(1, 2), parts.scale_tril.flatten(1, 2))

    def posterior(self, population: Population) -> MixtureSameFamily:
        """Where to look: where the encoder would, and where the patient is expected."""
        told, believed = self.model.posterior(population), self.prior(population.covariates)
        shares = ((told, 1 - FROM_BELIEF), (believed, FROM_BELIEF))
        logits = torch.cat([each.mixture_distribution.probs / each.mixture_distribution.probs.sum() * share for each, share in shares], 1).log()
        loc, scale = (torch.cat([getattr(_gaussians(each), name) for each, _ in shares], 1) for name in ("loc", "scale_tril"))
        return mixture(logits, loc, scale)

    def membership(self, z: Float[Tensor, "subject draw latent"], covariates: Float[Tensor, "subject covariate"]) -> Float[Tensor, "subject draw model"]:
        return self.model.membership(z, covariates)

    def responses(self, z: Float[Tensor, "subject draw latent"], population: Population, *, sampled: tuple[Tensor, ...] = ()) -> AnyResponses:
        return self.model.responses(z, population, sampled=sampled or tuple(body[:, self.origins(z)] for body in self.sampled))

    def origins(self, z: Float[Tensor, "1 draw latent"]) -> Int[Tensor, " draw"]:
        """From which of the earlier draws each of these comes: one by chance, in proportion to how far it was expected there. The same z, the same answer."""
        share = self.expected.log_prob(z.detach()[0, :, None, None])[:, 0].double().softmax(-1)
        return torch.multinomial(share, 1, generator=torch.Generator().manual_seed(self.seed))[:, 0]


def visited(model: PKVAE, population: Population, *, draws: int, seed: int) -> Visited:
    """What is believed of subjects after all of their occasions: of several who had one each, or of a lone one who had more."""
    assert model.occasions is not None
    generator, links = (torch.Generator().manual_seed(number) for number in (seed, seed + 1))
    drawn, rungs = _told(model, _on(population, 0), draws, generator)
    features = covariate_features(population.covariates, model.configuration.scales)[:, None].expand(-1, draws, -1)
    sampled, usual = (drawn.z,), one_each(model.occasions.usual(drawn.z, features), links)
    for occasion in range(1, population.occasions.shape[1]):
        echo = _resampled(drawn, ECHOES)
        again = Revisit(model, model.occasions.another(usual[:, echo], features[:, echo]), tuple(z[:, echo] for z in sampled), seed + 1 + occasion)
        found, ways = _told(again, _on(population, occasion), draws, generator)
        drawn, rungs, origin = _with_worse(found, drawn), [max(rungs[0], ways[0], key=RUNGS.index)], again.origins(found.z)
        sampled, usual = (*(body[:, origin] for body in again.sampled), found.z), usual[:, echo[origin]]
    return Visited(drawn, tuple(rungs), sampled, one_each(model.occasions.another(usual, features), links))


def revisited(model: PKVAE, population: Population, z: Float[Tensor, "subject draw latent"], *, seed: int) -> AnyResponses:
    """How the patients answer who had the same body z on every sampled occasion, and another one thereafter, where occasions differ."""
    if model.occasions is None or not population.occasions.shape[1]:
        return model.responses(z, population)
    features = covariate_features(population.covariates, model.configuration.scales)[:, None].expand(-1, z.shape[1], -1)
    links = torch.Generator().manual_seed(seed + 1)
    usual = one_each(model.occasions.usual(z, features), links)
    return model.responses(one_each(model.occasions.another(usual, features), links), population, sampled=(z,) * population.occasions.shape[1])


def _told(model: PKVAE, population: Population, draws: int, generator: torch.Generator) -> tuple[WeightedDraws, list[str]]:
    """What the levels of an occasion tell by the ladder; where they are all left out, what is believed without them."""
    if bool(population.is_sample.any()):
        return climb(model, population, draws=draws, generator=generator)
    drawn = unweighted(model, population, model.prior(population.covariates), draws=draws, generator=generator)
    return drawn, ["prior"] * len(drawn.z)


def unmeasured(card: DrugCard, patient: Patient) -> Patient:
    """The patient before the levels: without them or, where it matters on how many occasions they were drawn, with all of them left out."""
    return replace(patient, samples=tuple(replace(s, trust=0.0) for s in patient.samples) if varies_between_occasions(card) else ())


def occasion_caution(card: DrugCard, patient: Patient) -> tuple[str, ...]:
    """What an answer means where occasions differ and levels of some are known."""
    within = next((found for m in card.published_models if (found := MODELS[m.name].occasion_variance)), None)
    if not within or not any(sample.trust > 0 for sample in patient.samples):
        return ()
    spread = ", ".join(f"{WORDS.get(name, name)} {100 * math.sqrt(math.expm1(variance)):.0f} %" for name, variance in within.items())
    said = f"{card.name} differs in the same patient from visit to visit (coefficient of variation: {spread})."
    later = "all that comes later, the doses and parameters shown included, allows for another one"
    return (f"{said} Up to the next dose after the last level the curve is that visit's own; {later}.",)


def _gaussians(mixed: MixtureSameFamily) -> MultivariateNormal:
    parts = mixed.component_distribution
    assert isinstance(parts, MultivariateNormal)
    return parts


def _on(population: Population, occasion: int) -> Population:
    """The same subjects with the levels of one occasion alone, which began after the one before it had ended."""
    which = (population.occasions[:, None] < population.sample_time[..., None]).sum(-1)
    return replace(population, is_sample=population.is_sample & (which == occasion))


def _resampled(drawn: WeightedDraws, count: int) -> Int[Tensor, " echo"]:
    """Draws of a lone subject, each as often as it counts (systematic)."""
    edges = drawn.log_weight[0].double().softmax(0).cumsum(0).clamp(max=1 - 1e-12)
    return torch.searchsorted(edges, (torch.arange(count, dtype=edges.dtype) + 0.5) / count)


def _with_worse(found: WeightedDraws, before: WeightedDraws) -> WeightedDraws:
    """The new draws, judged by the worse of both occasions; the evidence is that of all levels."""
    return replace(
        found,
        effective=torch.minimum(found.effective, before.effective),
        k_hat=torch.maximum(found.k_hat, before.k_hat),
        log_evidence=found.log_evidence + before.log_evidence,
    )
