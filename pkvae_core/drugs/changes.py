"""Which covariates changed during the course, from what to what, and when? In numbers, and in words."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.parts import CovariateSpec
from pkvae_core.patient import Covariate, Patient
from pkvae_core.records.covariates import is_derived, with_clearance
from pkvae_core.wording import plain

MOST_IN_WORDS = 2  # changes that get a sentence each; earlier ones share one
SHORT = {"CRCL": "CrCl", "SCR": "SCr", "WT": "weight", "PNA": "age", "HCT": "Hct"}
AGED_H = 96.0  # so long an infant's age may have been given before the last thing known
# Kidney function counts as unsteady as in acute kidney injury (KDIGO 2012, Kidney Int Suppl 2:1): creatinine 0.3 mg/dL higher within 48 h, or half as high
# again within 7 days. A fall of that size is as quick.
QUICK_MG_PER_DL, QUICK_H, QUICK_RATIO, QUICK_RATIO_H = 0.3, 48.0, 1.5, 168.0


@dataclass(frozen=True)
class Change:
    """One covariate takes another value at `time_h`; both in the card's unit."""

    spec: CovariateSpec
    before: float
    after: float
    time_h: float

    @property
    def verb(self) -> str:
        return "changed" if self.spec.is_flag else "rose" if self.after > self.before else "fell"

    @property
    def label(self) -> str:
        """ "CrCl 92 → 41", "Fed no → yes": what stands beside a mark on a chart."""
        return f"{SHORT.get(self.spec.name, self.spec.label)} {short_words(self.spec, self.before)} → {short_words(self.spec, self.after)}"


def number_words(name: str, value: float) -> str:
    """A covariate's value without its unit: clearances in whole mL/min, anything else as it was given."""
    return plain(value, 0 if name == "CRCL" else 2)


def short_words(spec: CovariateSpec, value: float) -> str:
    """A covariate's value without its unit; of a flag what it stands for."""
    return value_words(spec, value) if spec.is_flag else number_words(spec.name, value)


def value_words(spec: CovariateSpec, value: float) -> str:
    """A covariate's value with its unit; of a flag what it stands for: "yes"."""
    return spec.in_words(number_words(spec.name, value), value)


def changes(card: DrugCard, patient: Patient) -> tuple[Change, ...]:
    """Every change of a covariate on the card, in time, that shows in words: from one stated (or derived) value to the next. Give it the completed patient."""
    found = []
    for spec in card.covariates:
        for before, after in pairwise(history(patient, spec.name)):
            if number_words(spec.name, before.value) != number_words(spec.name, after.value):
                found.append(Change(spec, before.value, after.value, after.time_h))
    return tuple(sorted(found, key=lambda change: change.time_h))


def history(patient: Patient, name: str) -> tuple[Covariate, ...]:
    """The values of one covariate in time; of two at one moment the last."""
    latest = {c.time_h: c for c in patient.covariates if c.name == name}
    return tuple(latest.values())


def marks(card: DrugCard, patient: Patient) -> tuple[Change, ...]:
    """One change for each moment, for a chart: the clearance's where it changes, since that is what the drug feels."""
    moments = [list(group) for _, group in groupby(changes(card, patient), key=lambda change: change.time_h)]
    return tuple(next((c for c in found if c.spec.name == "CRCL"), found[0]) for found in moments)


def change_sentences(card: DrugCard, patient: Patient, when: Callable[[float], str]) -> tuple[str, ...]:
    """The changes in words, the latest last; `when` says an hour: "on Tue 10 Mar 14:00", "yesterday 14:00", "at 38 h". Give it the completed patient."""
    moments = [list(group) for _, group in groupby(changes(card, patient), key=lambda change: change.time_h)]
    earlier, latest = moments[:-MOST_IN_WORDS], moments[-MOST_IN_WORDS:]
    return (*_summary(earlier), *(_sentence(patient, found, when) for found in latest))


def _sentence(patient: Patient, found: Sequence[Change], when: Callable[[float], str]) -> str:
    """The changes of one moment: creatinine clearance where it is among them, and beside it what it follows from."""
    main = next((change for change in found if change.spec.name == "CRCL"), found[0])
    others = [f"{c.spec.label.lower()} {_from_to(c)}" for c in found if c is not main]
    because = f" ({', '.join(others)})" if others else ""
    effect = "drug in the body clears at the new rate from then on" if main.spec.name == "CRCL" else "the new value holds from then on"
    if main.spec.name == "SCR" and history(patient, "CRCL"):
        effect = "the clearance that is used does not follow it"
    return f"{main.spec.label} {main.verb} from {_from_to(main)} {when(main.time_h)}{because}: {effect}."


def _from_to(change: Change) -> str:
    return f"{short_words(change.spec, change.before)} to {value_words(change.spec, change.after)}"


def _summary(moments: Sequence[Sequence[Change]]) -> tuple[str, ...]:
    """One sentence on the changes before the last two, for each covariate."""
    found = [change for moment in moments for change in moment]
    sentences = []
    for spec in dict.fromkeys(change.spec for change in found):
        own = [change for change in found if change.spec == spec]
        values = [own[0].before, *(change.after for change in own)]
        between = f"between {short_words(spec, min(values))} and {value_words(spec, max(values))}"
        times = "once" if len(own) == 1 else f"{len(own)} times"
        sentences.append(f"Before that {spec.label.lower()} changed {times}, {between}; each value holds until the next.")
    return tuple(sentences)


def change_cautions(card: DrugCard, patient: Patient) -> tuple[str, ...]:
    """What to beware of where covariates have dates: kidneys that are not steady, values known late only, a clearance that cannot be followed."""
    return (*unsteady(card, patient), *_late(card, patient), *_beyond(card, patient), *_aged(card, patient))


def _aged(card: DrugCard, patient: Patient) -> tuple[str, ...]:
    """An infant's age that the course has left behind."""
    times, values = [item.time_h for item in (*patient.doses, *patient.samples)], history(patient, "PNA")
    if not times or not values or not any(spec.name == "PNA" for spec in card.covariates):
        return ()
    behind_h = max(times) - max(values[-1].time_h, min(times))
    if behind_h < AGED_H:
        return ()
    said = f"The postnatal age of {number_words('PNA', values[-1].value)} days was given {plain(behind_h / 24, 0)} days before the last dose or level"
    return (f"{said}. Clearance matures: give age and weight anew.",)


def unsteady(card: DrugCard, patient: Patient) -> tuple[str, ...]:
    """Creatinine that moved quickly to its latest value."""
    values = history(patient, "SCR")
    if not values or not any(spec.name == "SCR" for spec in card.covariates):
        return ()
    latest = values[-1]
    begin = min([item.time_h for item in (*patient.doses, *patient.samples)], default=-math.inf)
    for before in reversed(values[:-1]):
        gap_h, low, high = latest.time_h - max(before.time_h, begin), *sorted((before.value, latest.value))
        if (gap_h <= QUICK_H and high - low >= QUICK_MG_PER_DL - 1e-9) or (gap_h <= QUICK_RATIO_H and high >= QUICK_RATIO * low - 1e-9):
            verb, side = ("rose", "lower") if latest.value > before.value else ("fell", "higher")
            from_to = f"{number_words('SCR', before.value)} to {number_words('SCR', latest.value)} mg/dL"
            return (f"Creatinine {verb} quickly ({from_to}): while it moves, the true clearance is {side} than it says. A level tells more than creatinine.",)
    return ()


def _late(card: DrugCard, patient: Patient) -> tuple[str, ...]:
    """Stated covariates first known after the first dose or level: the first value is taken for the time before."""
    begin = min([item.time_h for item in (*patient.doses, *patient.samples)], default=math.inf)
    found = []
    for spec in card.covariates:
        known = history(patient, spec.name)
        if known and known[0].time_h > begin and not is_derived(known[0]):
            hours = plain(known[0].time_h - begin, 1)
            value = value_words(spec, known[0].value)
            found.append(f"{spec.label} is known only from {hours} h after the first dose on: {value} is taken for the time before.")
    return tuple(found)


def _beyond(card: DrugCard, patient: Patient) -> tuple[str, ...]:
    """A clearance that follows creatinine out of the card's range while an earlier one stays in force."""
    spec, in_force = next((c for c in card.covariates if c.name == "CRCL"), None), history(patient, "CRCL")
    if spec is None or not in_force:
        return ()
    last = history(with_clearance(patient), "CRCL")[-1]
    if spec.low <= last.value <= spec.high:
        return ()
    would_be = f"{spec.label} would now be {number_words(spec.name, last.value)} {spec.unit}, outside {spec.low:g} to {spec.high:g}"
    return (f"{would_be}: it is not used, and the answer rests on the earlier {number_words(spec.name, in_force[-1].value)}. Do not rely on it.",)
