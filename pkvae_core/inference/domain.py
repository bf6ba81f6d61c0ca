"""Is this model entitled to speak about this patient?

Seven questions, each with a number, and a verdict that follows from the gravest answer. Thresholds are tail probabilities among the same patient's own
replicates, among the card's virtual cohort, or under the posterior's own theory, so that they mean the same for any drug and any weights. That of surprise was
moved once, from 1 in 100 to 1 in 80, after `strangers` had found 94.9 % of tenfold errors at the former: rates for a claim want patients of another seed.
A patient like those of the training is called "out" about once in eighty times, nearly always by the levels' surprise.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from pkvae_core.drugs.card import DrugCard
from pkvae_core.inference.misfit import COUNTS, latent_distance, misfit
from pkvae_core.inference.posterior import Posterior
from pkvae_core.inference.similarity import similarity, words
from pkvae_core.inference.surprise import EXCHANGED, REPLICATES, Surprise, surprise
from pkvae_core.inference.verdict import CAUTION, OUT, REFUSED, Entitlement, Reason
from pkvae_core.patient import Patient, Sample
from pkvae_core.records.covariates import with_clearance
from pkvae_core.records.units import concentration_factor
from pkvae_core.wording import rounded

UNEXPECTED, UNHEARD_OF = 1 / 20, 1 / 80  # tail probability of the levels: caution, out
RARE, NEVER_SEEN = 1 / 200, 1 / 2000  # share of the cohort as far away: caution, out
DOUBTFUL, IMPOSSIBLE = 0.01, 0.001  # tail probability of misfit and of latent distance: caution, out
# So many times better explained by a slip, nobody answers; any one slip reaches that in less than one in as many of the model's own patients (Markov).
CERTAIN_SLIP = 10_000
LEAST_PLASMA_L = 1.5  # no adult has less; nothing dissolves in less
INFANT_KG, LEAST_PLASMA_L_PER_KG = 20.0, 0.03  # of a card whose typical patient weighs less: two thirds of a newborn's plasma


@dataclass(frozen=True)
class _Finding:
    """One number, and the reason that it gives, if any."""

    check: str
    value: float
    verdict: str = ""
    sentence: str = ""


def entitlement(posterior: Posterior, prior: Posterior | None = None) -> Entitlement:
    """Whether the posterior's model may speak about its patient; `prior`, what it believed before the levels, is drawn where it is not given."""
    card, patient = posterior.card, posterior.patient
    samples = tuple(s for s in patient.samples if s.trust >= COUNTS)
    findings = [*_ranges(card, patient), *_together(posterior)]
    if samples and patient.doses:
        prior = prior or posterior.prior()
        findings += [*_mass(card, patient, samples), *_surprise(prior, samples, posterior.seed), *_misfit(posterior), *_latent(posterior, prior)]
        findings += _rung(posterior)
    found = Entitlement(measured=tuple((f.check, f.value) for f in findings))
    for finding in findings:
        if finding.verdict:
            found = found.with_reason(Reason(finding.check, finding.verdict, finding.sentence, finding.value))
    return found


def _ranges(card: DrugCard, patient: Patient) -> Iterator[_Finding]:
    """Every value of every covariate against the card: outside the soft range is a caution, outside the hard one nobody answers."""
    unbounded = with_clearance(patient)
    for spec in card.covariates:
        known = {c.value for c in patient.covariates if c.name == spec.name} or {c.value for c in unbounded.covariates if c.name == spec.name}
        for value in sorted(known):
            shown = f"{spec.label} {value:.4g} {spec.unit} lies outside"
            if why := spec.why_no_flag(value):
                yield _Finding(spec.name, value, REFUSED, why)
            elif not spec.allows(value):
                yield _Finding(spec.name, value, REFUSED, f"{shown} {spec.low:g} to {spec.high:g}, where the drug's card ends. Check it.")
            elif not spec.soft_low <= value <= spec.soft_high:
                yield _Finding(spec.name, value, CAUTION, f"{shown} {spec.soft_low:g} to {spec.soft_high:g}, the range this model was made for.")


def _together(posterior: Posterior) -> Iterator[_Finding]:
    """All covariates at once against those of whom the model was made from: virtual patients, or a cohort."""
    card = posterior.card
    found = similarity(card, posterior.patient, posterior.provenance.get("covariates"))
    if found is None:
        return
    verdict = OUT if found.probability <= NEVER_SEEN else CAUTION if found.probability <= RARE else ""
    rare = f"Taken together, {words(card, found.stated)} are found in {_one_in(found.probability)} of the patients that this model was made from. Check them."
    yield _Finding("covariates together", found.probability, verdict, rare)


def _one_in(probability: float) -> str:
    """1 in 400."""
    return f"1 in {rounded(1 / probability)}" if probability < 0.1 else f"{round(10 * probability)} in 10"


def _level(card: DrugCard, sample: Sample) -> str:
    """A level in the card's unit, without the unit."""
    value = sample.lloq_mg_per_L if sample.is_below_lloq else sample.concentration_mg_per_L
    return f"{'below ' if sample.is_below_lloq else ''}{_in_unit(card, value or 0.0)}"


def _in_unit(card: DrugCard, concentration_mg_per_L: float) -> str:
    return rounded(concentration_mg_per_L / concentration_factor(card.concentration_unit, card.molar_mass_g_per_mol))


def _mass(card: DrugCard, patient: Patient, samples: tuple[Sample, ...]) -> Iterator[_Finding]:
    """A level that even all the drug given so far, undiluted in the plasma, could not make."""
    plasma_L = _least_plasma_L(card, patient)
    for sample in samples:
        given_mg = sum(card.product(d.product).active_mg(d.amount_mg) for d in patient.doses if d.time_h < sample.time_h)
        level = sample.concentration_mg_per_L or 0.0
        if given_mg and level > given_mg / plasma_L:
            unit = card.concentration_unit
            most = f"the {rounded(given_mg)} mg given before it make at most {_in_unit(card, given_mg / plasma_L)} {unit} in {plasma_L:.2g} L of plasma"
            yield _Finding("mass balance", level, REFUSED, f"A level of {_in_unit(card, level)} {unit} cannot be: {most}. Check its unit, and the doses.")


def _least_plasma_L(card: DrugCard, patient: Patient) -> float:
    """An adult's, or by weight where the card is for infants."""
    typical_kg = card.typical_patient.get("WT", math.inf)
    return LEAST_PLASMA_L if typical_kg >= INFANT_KG else LEAST_PLASMA_L_PER_KG * (patient.covariate("WT") or typical_kg)


def _surprise(prior: Posterior, samples: tuple[Sample, ...], seed: int) -> Iterator[_Finding]:
    """All levels at once under what was expected of this patient."""
    found = surprise(prior, samples, seed=seed)
    verdict = CAUTION if found.probability <= UNEXPECTED else ""
    if found.probability <= UNHEARD_OF:
        verdict = REFUSED if found.slip_odds >= CERTAIN_SLIP else OUT
    yield _Finding("surprise of the levels", found.probability, verdict, _surprise_words(prior.card, found, samples))


def _surprise_words(card: DrugCard, found: Surprise, samples: tuple[Sample, ...]) -> str:
    """How rare, and which slip would explain it."""
    measured, unit = ", ".join(_level(card, s) for s in samples), card.concentration_unit
    these = f"A level like this ({measured} {unit}) is" if len(samples) == 1 else f"Levels like these ({measured} {unit}) are"
    share = _one_in(found.probability) if found.probability > 1 / REPLICATES else f"fewer than 1 in {REPLICATES}"
    rare = f"{these} expected in {share} such patients"
    if found.slip_odds < 30:
        return f"{rare}. Check times, units and doses, and whether the drug's card describes this patient."
    odds = "more than a million" if found.slip_odds > 1e6 else rounded(found.slip_odds)
    return f"{rare}, and {odds} times better explained if {_slip_words(card, found, samples)}"


def _slip_words(card: DrugCard, found: Surprise, samples: tuple[Sample, ...]) -> str:
    """Which levels are wrong, and what to check."""
    if found.alone_odds >= found.odds[found.slip]:
        return f"{_level(card, samples[found.alone])} {card.concentration_unit} alone is {found.alone_slip}. Check the unit and the decimal point."
    if found.slip == EXCHANGED:
        ordered = sorted((s for s in samples if not s.is_below_lloq), key=lambda s: s.concentration_mg_per_L or 0.0)
        high, low = (_level(card, ordered[i]) for i in (-1, 0))
        return f"{high} and {low} {card.concentration_unit} are exchanged. Check which is the peak and which the trough, and their times."
    return f"{'it is' if len(samples) == 1 else 'each is'} {found.slip}. Check the unit."


def _misfit(posterior: Posterior) -> Iterator[_Finding]:
    found = misfit(posterior)
    verdict = OUT if found <= IMPOSSIBLE else CAUTION if found <= DOUBTFUL else ""
    chance = "less than 1 in 10,000" if found < 1e-4 else _one_in(found)
    yield _Finding(
        "misfit", found, verdict, f"Even the curves that fit best miss the levels by more than the assay's error: a chance of {chance}. Check the times."
    )


def _latent(posterior: Posterior, prior: Posterior) -> Iterator[_Finding]:
    found = latent_distance(posterior, prior)
    if found is None:
        return
    distance, probability = found
    verdict = OUT if probability <= IMPOSSIBLE else CAUTION if probability <= DOUBTFUL else ""
    chance = "fewer than 1 in 10,000" if probability < 1e-4 else _one_in(max(probability, 1e-9))
    yield _Finding(
        "latent distance", distance, verdict, f"The levels place this patient {distance:.1f} standard deviations from such patients; {chance} lie as far."
    )


def _rung(posterior: Posterior) -> Iterator[_Finding]:
    """Whether the draws that count are enough: the rung of the ladder, effective draws and k-hat."""
    found = posterior.diagnostics
    few = f"{found.effective_draws:,.0f} of {found.draws:,} draws count" + (f", k-hat {found.k_hat:.2f}" if found.k_hat is not None else "")
    if found.rung == "failed":
        yield _Finding("effective draws", found.effective_draws, OUT, f"No way of sampling could explain the levels ({few}).")
    elif found.rung in ("adapted", "laplace"):
        yield _Finding("effective draws", found.effective_draws, CAUTION, f"The levels are unusual: the network's first estimate had to be moved ({few}).")
    else:
        yield _Finding("effective draws", found.effective_draws)
