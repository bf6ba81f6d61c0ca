"""What was the answer based on, and how far can it be trusted? The report's lists."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from pkvae_core.case import Case
from pkvae_core.dosing.target import Target
from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.changes import change_sentences, history, short_words
from pkvae_core.drugs.published import MODELS
from pkvae_core.exposure import weighted_quantile
from pkvae_core.inference.posterior import Posterior, parameter_names, parameters, predict
from pkvae_core.insight.level_words import age_words, left_out_words, reason_words
from pkvae_core.insight.levels import Standing
from pkvae_core.patient import Covariate, Dose
from pkvae_core.records.covariates import is_derived
from pkvae_core.report.words import bounds_words, day_words, dose_words, interval_words, percent_words, significant, unit_words
from pkvae_core.wording import amount_words, duration_words, rounded, slow_unit


@dataclass(frozen=True)
class Line:
    """One entry: what it says, and a quieter remark."""

    text: str
    note: str = ""


@dataclass(frozen=True)
class Listing:
    """A titled list. Where space is short the first entries are shown, or the last ones (`keeps_last`), and how many there are.

    `is_history`: of any length, and cut before lists of facts are.
    """

    title: str
    lines: tuple[Line, ...]
    noun: str = "lines"
    is_history: bool = False
    keeps_last: bool = False

    def shown(self, most: int) -> tuple[tuple[Line, ...], str]:
        """At most `most` entries, and the sentence that says what is left out ("" when nothing is)."""
        if len(self.lines) <= most:
            return self.lines, ""
        left = f"{len(self.lines)} {self.noun}, the {'last' if self.keeps_last else 'first'} {most} shown; all are in the HTML report."
        return (self.lines[-most:] if self.keeps_last else self.lines[:most]), left


def covariates(case: Case, posterior: Posterior) -> Listing:
    """Each covariate on the card with its date and source, derived ones included, and what it was before; those of one date and source in one line."""
    latest = {c.name: c for c in posterior.patient.covariates}
    together: dict[str, list[str]] = {}
    for spec in posterior.card.covariates:
        if (found := latest.get(spec.name)) is None:
            together.setdefault("averaged over", []).append(f"{spec.label} unknown")
            continue
        number = significant(found.value) if case.patient.covariate(spec.name) is not None else rounded(found.value)
        value = spec.in_words(number, found.value)
        note = f"{_dated(case, found)}{'record' if found.source == 'patient' else found.source}"
        before = [short_words(spec, c.value) for c in history(posterior.patient, spec.name)]
        course = [words for words, after in pairwise(before) if words != after]
        together.setdefault(note, []).append(f"{spec.label} {' → '.join([*course, value])}")
    return Listing("Patient", tuple(Line(" · ".join(texts), note) for note, texts in together.items()), "facts")


def changed(case: Case, posterior: Posterior) -> tuple[str, ...]:
    """The changes of covariates during the course, in sentences with their dates."""
    now = case.clock(case.now_h)
    return change_sentences(posterior.card, posterior.patient, lambda time_h: f"on {day_words(case.clock(time_h), now)}")


def _dated(case: Case, covariate: Covariate) -> str:
    return f"since {day_words(case.clock(covariate.time_h), case.clock(case.now_h))} · " if np.isfinite(covariate.time_h) else ""


def doses(case: Case, card: DrugCard) -> Listing:
    """The doses, equal ones at equal intervals in one line."""
    given = case.patient.doses
    total = f"Doses ({len(given)}, {amount_words(sum(dose.amount_mg for dose in given))} in all)" if given else "Doses"
    lines = tuple(_course(case, card, run) for run in runs(given)) or (Line("None"),)
    return Listing(total, lines, "courses", is_history=True, keeps_last=True)


def runs(given: Sequence[Dose]) -> list[list[Dose]]:
    """Doses in order; equal ones whose gaps stay within a fifth of the first gap are together."""
    found: list[list[Dose]] = []
    for dose in given:
        run = found[-1] if found else []
        is_alike = bool(run) and (dose.amount_mg, dose.infusion_h, dose.product) == (run[0].amount_mg, run[0].infusion_h, run[0].product)
        first_gap = run[1].time_h - run[0].time_h if len(run) > 1 else None
        if is_alike and (first_gap is None or abs(dose.time_h - run[-1].time_h - first_gap) <= 0.2 * first_gap):
            run.append(dose)
        else:
            found.append([dose])
    return found


def _course(case: Case, card: DrugCard, run: Sequence[Dose]) -> Line:
    """One run of doses: how many, how much, how often ("about", unless every gap is the same number of half hours, to a minute), from when to when."""
    now, first, last = (case.clock(t) for t in (case.now_h, run[0].time_h, run[-1].time_h))
    product = card.product(run[0].product)
    words = dose_words(run[0]) + (f" ({product.label})" if product != card.product() else "")
    if len(run) == 1:
        return Line(words, day_words(first, now))
    gaps = np.diff([dose.time_h for dose in run])
    usual_h = round(2 * float(np.median(gaps))) / 2
    often = f"every {duration_words(usual_h)}" if np.abs(gaps - usual_h).max() <= 1 / 60 else f"about every {duration_words(round(float(np.median(gaps)), 1))}"
    return Line(f"{len(run)} × {words} {often}", f"{day_words(first, now)} to {day_words(last, now)}")


def levels(case: Case, posterior: Posterior, per_mg_per_L: float) -> Listing:
    """Each measured level, with what the model now says it was, and how far it counts where that is not in full."""
    samples, given, unit = case.patient.samples, case.patient.doses, unit_words(case.unit)
    times = [sample.time_h for sample in samples]
    said = predict(posterior, given, times) if samples and given else None
    lines = []
    for i, sample in enumerate(samples):
        below = f"below {rounded((sample.lloq_mg_per_L or 0) * per_mg_per_L)}" if sample.is_below_lloq else ""
        level = below or significant((sample.concentration_mg_per_L or 0) * per_mg_per_L)
        model = (
            ""
            if said is None
            else f" · model {rounded(said.median[i] * per_mg_per_L)} ({interval_words(*(end[i] * per_mg_per_L for end in said.interval(0.9)))})"
        )
        counts = counts_words(case.patient_as_weighed.samples[i].trust)
        lines.append(Line(f"{level} {unit}", f"{day_words(case.clock(sample.time_h), case.clock(case.now_h))}{model}{counts and f' · {counts}'}"))
    return Listing("Levels", tuple(lines) or (Line("None yet", "the answer rests on the patient's facts alone"),), "levels", is_history=True, keeps_last=True)


def counts_words(trust: float) -> str:
    """ "left out", "counts 71 %"; "" for a level that counts in full, or nearly so."""
    return "" if trust >= 0.995 else "left out" if trust == 0 else f"counts {percent_words(trust)}"


def choices(case: Case) -> tuple[str, ...]:
    """What the user changed about the levels: which are left out, and that old ones count less."""
    out = [day_words(case.clock(s.time_h), case.clock(case.now_h)) for s in case.left_out]
    half_life_h = case.level_half_life_h
    return (
        *((f"{left_out_words(len(out))} by the user: {'; '.join(out)}.",) if out else ()),
        *((f"Older levels count less by the user's choice. {age_words(half_life_h)}",) if half_life_h is not None else ()),
    )


def to_check(case: Case, standings: Sequence[Standing], per_mg_per_L: float) -> tuple[str, ...]:
    """The levels that count and are to be checked, with the reason."""
    odd = [s for s in standings if s.is_odd and s.sample.trust > 0]
    unit = unit_words(case.unit)
    return tuple(
        f"Check the level of {day_words(case.clock(s.sample.time_h), case.clock(case.now_h))}: {reason_words(s, factor=per_mg_per_L, unit=unit)}" for s in odd
    )


def warnings(case: Case, cautions: Sequence[str]) -> Listing:
    """What was found in the data and what the model adds, errors first, nothing twice."""
    ahead = [(len([x for x in items if x.time_h >= case.now_h]), noun) for items, noun in ((case.patient.doses, "dose"), (case.patient.samples, "level"))]
    ahead.append((len([c for c in case.patient.covariates if c.time_h > case.now_h and not is_derived(c)]), "later covariate value"))
    later = [f"{n} {noun}{'s' if n > 1 else ''} recorded at or after now." for n, noun in ahead if n]
    found = [str(problem) for problem in sorted(case.problems, key=lambda problem: problem.severity)]
    sentences = dict.fromkeys([*cautions, *later, *found])
    return Listing("Warnings", tuple(Line(text[:1].upper() + text[1:]) for text in sentences) or (Line("None"),), "warnings", is_history=True)


RUNGS = {
    "prior": "No level yet: this is what patients like this one show. A level would narrow it.",
    "weighted": "The network's estimate was weighed against the levels.",
    "adapted": "The network's first estimate fitted the levels poorly and was moved to where they are explained.",
    "laplace": "The network's first estimate fitted the levels poorly and was replaced by a local one, weighed against them.",
    "failed": "No estimate fitted the levels. Do not dose on this answer.",
}
NONE_COUNTS = "No level counts: this is what patients like this one show."
CLASSICAL = "Classical MAP-Bayes: the most probable parameters of each published model and their spread, weighed against the levels."


def how_sure(posterior: Posterior, second: Sequence[Line] = ()) -> Listing:
    """The rung of the ladder, the effective draws, the individual estimates, and a second opinion where there is one."""
    diagnostics, estimates = posterior.diagnostics, parameters(posterior)
    draws = f"{diagnostics.effective_draws:,.0f} effective draws of {diagnostics.draws:,}"
    weight = np.asarray(posterior.weight, dtype=float)
    rung = NONE_COUNTS if diagnostics.rung == "prior" and posterior.patient.samples else RUNGS[diagnostics.rung]
    lines = [Line(rung if posterior.engine == "vae" or diagnostics.rung in ("prior", "failed") else CLASSICAL, draws)]
    for name, (label, unit) in parameter_names(posterior.card).items():
        low, median, high = (float(weighted_quantile(estimates[name][:, None], weight, p)[0]) for p in (0.05, 0.5, 0.95))
        hours, said = slow_unit(median) if unit == "h" else (1.0, unit)
        lines.append(Line(f"{label} {rounded(median / hours)} {said}", f"90 %: {interval_words(low / hours, high / hours)}"))
    return Listing("How sure is the model?", (*lines, *second))


def model_lines(case: Case, posterior: Posterior) -> Listing:
    """Which model spoke, from which papers it was made, where the target comes from, and what it was not made for."""
    card = posterior.card
    trained = f"trained {posterior.provenance['trained']}" if "trained" in posterior.provenance else "not trained"
    lines = (
        Line("Model", f"{posterior.version}, {trained}; drug card {card.version}; random seed {posterior.seed}."),
        Line("Made from", _made_from(posterior)),
        Line("Target", _target_source(case.target, card)),
        Line("Limits", " ".join(limit.text for limit in card.limits)),
    )
    return Listing("Model, sources and limits", lines)


def _made_from(posterior: Posterior) -> str:
    """The papers with their share in this answer; of an own model the cohort, and what it started from."""
    provenance, shares = posterior.provenance, sorted(posterior.model_probability.items(), key=lambda pair: -pair[1])
    if provenance.get("origin") != "cohort":
        return " ".join(f"{MODELS[name].citation} ({percent_words(share)} of this answer; {MODELS[name].population})." for name, share in shares)
    training = provenance["training"]
    came = f"adapted from the shipped model {training['start']}" if training.get("start") else "from scratch, without any published model"
    who = f"{training['patients']:,} patients with {training['levels']:,} levels of the cohort {provenance.get('cohort', 'of unknown name')}"
    return f"an own model, learned from {who}, {came}; not checked by anyone else."


def _target_source(target: Target, card: DrugCard) -> str:
    """The card's sources, or that the user set the bounds."""
    if not card.gives_dose:
        return "none: the card gives no dose."
    spec = next((spec for spec in card.targets if spec.metric == target.metric), None)
    if spec is None:
        return "set by the user; the card has none of this kind."
    if (target.low, target.high, target.mic_mg_per_L) != (spec.low, spec.high, spec.mic_mg_per_L):
        return f"set by the user; the card says {bounds_words(spec.low, spec.high)} {spec.unit}."
    return f"after {'; '.join(source.citation for source in spec.source)}." if spec.source else "without a source (marked unverified on the card)."
