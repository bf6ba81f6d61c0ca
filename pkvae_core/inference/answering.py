"""Who answers for this patient: the drug's own model, classical MAP-Bayes in its place, or nobody?

The one way in for the page, the command line and the report, so that they agree.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from pkvae_core.inference.domain import IMPOSSIBLE, entitlement
from pkvae_core.inference.mapbayes import map_bayes
from pkvae_core.inference.misfit import misfit
from pkvae_core.inference.occasions import unmeasured
from pkvae_core.inference.posterior import Posterior, individualise, individualise_all
from pkvae_core.inference.verdict import CAUTION, OUT, REFUSED, Reason
from pkvae_core.patient import Patient
from pkvae_core.vae.vae import PKVAE


def answer_for(model: PKVAE, patient: Patient, *, draws: int = 1000, seed: int = 0) -> Posterior:
    """The posterior of whoever may answer, with what was found in its `entitlement` and in words among its cautions.

    Where the verdict is "out", averaged MAP-Bayes answers if it can explain the levels; if it cannot, and beyond hard limits, the verdict is "refused": the
    model's posterior comes back for inspection, and nobody may dose by it.
    """
    return _entitled(model, individualise(model, patient, draws=draws, seed=seed), draws=draws, seed=seed)


def answer_for_all(model: PKVAE, patients: Sequence[Patient], *, draws: int = 1000, seed: int = 0) -> list[Posterior]:
    """`answer_for` each patient, the model asked in one batch; and in another what it believed of them before their levels."""
    posteriors = individualise_all(model, patients, draws=draws, seed=seed)
    bare = [unmeasured(model.card, posterior.patient) for posterior in posteriors if posterior.patient.samples]
    priors = iter(individualise_all(model, bare, draws=draws, seed=seed) if bare else ())
    return [_entitled(model, p, next(priors) if p.patient.samples else None, draws=draws, seed=seed) for p in posteriors]


NO_PUBLISHED_MODEL = (
    "This model was learned from a cohort alone: the drug has no published model here that could answer in its place. Check covariates and levels."
)


@dataclass(frozen=True)
class _Remembering:
    """Asks about another record of the patient, and knows already what was believed before the levels."""

    prior: Posterior
    revise: Callable[[Patient], Posterior]

    def __call__(self, patient: Patient) -> Posterior:
        return self.prior if patient == self.prior.patient else self.revise(patient)


def _entitled(model: PKVAE, posterior: Posterior, prior: Posterior | None = None, *, draws: int, seed: int) -> Posterior:
    """`prior` is drawn where there are levels and it is not given."""
    if posterior.patient.samples:
        posterior = replace(posterior, revise=_Remembering(prior or posterior.prior(), posterior.revise))
    found = entitlement(posterior)
    if found.verdict == OUT and not model.card.published_models:
        found = found.with_reason(Reason("classical answer", REFUSED, NO_PUBLISHED_MODEL, 0.0))
    elif found.verdict == OUT:
        classical = map_bayes(model.card, posterior.patient, draws=draws, seed=seed)
        fits = misfit(classical)
        if classical.diagnostics.rung != "failed" and fits > IMPOSSIBLE:
            return _said(replace(classical, entitlement=found))
        sentence = "Classical MAP-Bayes cannot explain the levels either. Check times, units and doses."
        found = found.with_reason(Reason("classical answer", REFUSED, sentence, fits))
    return _said(replace(posterior, entitlement=found))


def _said(posterior: Posterior) -> Posterior:
    """With the findings among the cautions, the gravest first, each sentence once."""
    found = posterior.entitlement
    assert found is not None
    reasons = tuple(reason.sentence for reason in found.reasons)
    head = {OUT: (found.banner,), REFUSED: (found.banner,), CAUTION: reasons}.get(found.verdict, ())
    rest = () if found.verdict == CAUTION else tuple(s for s in reasons if s not in found.banner)
    return replace(posterior, cautions=tuple(dict.fromkeys(chain(head, rest, posterior.cautions))))
