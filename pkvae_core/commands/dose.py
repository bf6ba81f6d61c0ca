"""`dose`: which regimens have the best chance of reaching the target from a given hour on?"""

import argparse
import math
from collections.abc import Iterator
from dataclasses import replace

from pkvae_core.commands.cases import Row, add_case_flags, answer, model_of, number, open_cases, positive, say, say_shared, write_rows
from pkvae_core.commands.changed import told
from pkvae_core.dosing.candidates import candidates
from pkvae_core.dosing.current import current_regimen
from pkvae_core.dosing.recommend import Recommendation, recommend
from pkvae_core.dosing.target import METRICS, Target
from pkvae_core.drugs.card import DrugCard
from pkvae_core.inference.answering import answer_for
from pkvae_core.inference.posterior import Posterior
from pkvae_core.inference.verdict import Entitlement
from pkvae_core.patient import Patient
from pkvae_core.records.covariates import is_derived
from pkvae_core.records.history import PatientRecord

HELP = "ranked regimens with their probabilities"
DESCRIPTION = """\
Tries every regimen on the drug's card from --from-h on, after the doses given before that hour
and with the levels measured until then (a trough drawn at that very hour counts). The exposure is
that at steady state or, with a window, between two hours of the same clock.

OUT.csv has one row for each regimen that reaches the card's least probability, best first: ID,
RANK, AMOUNT_MG, INTERVAL_H, INFUSION_H, P_IN, P_ABOVE (above high), P_BELOW, EXPOSURE_MEDIAN,
LO90, HI90 (of the exposure), EXACT_AMOUNT_MG (whose median exposure is the card's best value or
the middle of the target), CAUTIONS, ENGINE and VERDICT. A patient for whom nothing meets the
target has one row with an empty RANK and the reason in CAUTIONS.

VERDICT says whether the drug's model is entitled to speak about the patient: "in domain" and
"caution" (it answers: ENGINE vae), "out" (averaged MAP-Bayes answers in its place: ENGINE average;
CAUTIONS begins with why), "refused" (nobody answers: one row with an empty RANK, and what to check).
All of them count as answered.

auc24 is the AUC of the interval or window scaled to 24 h, auc that of the interval or window
itself; trough and peak are concentrations; time_above is the share in per cent above --threshold.
Where the file has dates, hour 0 is the patient's first row."""
EXAMPLES = """\
examples:
  python -m pkvae_core dose cases.csv --drug vancomycin --metric auc24 --low 400 --high 600 --from-h 48 --out regimens.csv
  python -m pkvae_core dose cases.csv --drug vancomycin --metric auc24 --from-h 48 --interval-h 12 --window-from-h 72 --window-to-h 96 --out regimens.csv
  python -m pkvae_core dose cases.csv --drug tobramycin --metric trough --high 1 --from-h 24 --out regimens.csv"""
COLUMNS = tuple("ID RANK AMOUNT_MG INTERVAL_H INFUSION_H P_IN P_ABOVE P_BELOW EXPOSURE_MEDIAN LO90 HI90 EXACT_AMOUNT_MG CAUTIONS ENGINE VERDICT".split())


def add_flags(parser: argparse.ArgumentParser) -> None:
    add_case_flags(parser)
    target = parser.add_argument_group("the target (concentrations in the unit of DV, AUC in that times h)")
    target.add_argument("--metric", required=True, choices=tuple(METRICS))
    target.add_argument("--low", type=number, metavar="X", help="lower bound; without both bounds those of the card")
    target.add_argument("--high", type=number, metavar="X", help="upper bound")
    target.add_argument("--threshold", type=positive, metavar="X", help="the level of time_above")
    target.add_argument("--window-from-h", type=number, metavar="H", help="the exposure counts from this hour ...")
    target.add_argument("--window-to-h", type=number, metavar="H", help="... to this one (default: an interval at steady state)")
    regimen = parser.add_argument_group("the new regimen")
    regimen.add_argument("--from-h", type=number, required=True, metavar="H", help="hour of its first dose")
    regimen.add_argument("--interval-h", type=positive, metavar="H", help="only this interval")
    regimen.add_argument("--infusion-h", type=number, metavar="H", help="only this duration of infusion; 0 is a bolus or a swallowed dose")


def run(arguments: argparse.Namespace) -> int:
    window_h = window_of(arguments)
    cases = open_cases(arguments)
    if not cases.card.gives_dose:
        raise ValueError(f"the card of {cases.card.name} gives no doses. {cases.card.why_no_dose} Levels can be foreseen with predict and forecast.")
    target = replace(target_of(cases.card, arguments, cases.unit_mg_per_L), window_h=window_h)
    regimens = candidates(cases.card, start_h=arguments.from_h, interval_h=arguments.interval_h, infusion_h=arguments.infusion_h)
    model = model_of(arguments)
    unit = 1.0 if target.metric == "time_above" else cases.unit_mg_per_L

    remarks: list[tuple[str, str]] = []

    def rows_of(record: PatientRecord) -> list[Row]:
        patient = known_at(record.patient, arguments.from_h)
        remarks.extend((patient.id, sentence) for sentence in left_out(record.patient, patient, arguments.from_h))
        posterior = told(cases, record, answer_for(model, patient, seed=arguments.seed))
        found = recommend(posterior, target, regimens, current=current_regimen(patient))
        return regimen_rows(posterior, found, unit)

    rows, code = answer(cases, rows_of)
    say_shared(remarks)
    write_rows(arguments.out, COLUMNS, rows)
    return code


def window_of(arguments: argparse.Namespace) -> tuple[float, float] | None:
    """The window in hours from the start of the new regimen. Raises ValueError when it is half given or begins before it."""
    begin, end = arguments.window_from_h, arguments.window_to_h
    if (begin is None) != (end is None):
        raise ValueError("--window-from-h and --window-to-h belong together; give both or none.")
    if begin is None:
        return None
    if begin < arguments.from_h:
        raise ValueError(f"the window begins at {begin:g} h, before the new regimen at {arguments.from_h:g} h; both are hours on the clock of the file.")
    return begin - arguments.from_h, end - arguments.from_h


def target_of(card: DrugCard, arguments: argparse.Namespace, unit_mg_per_L: float) -> Target:
    """The card's target for the metric, or the bounds given with the card's toxicity alarm for that metric. Says what it took from the card."""
    unit = 1.0 if arguments.metric == "time_above" else unit_mg_per_L
    low, high = (None if bound is None else bound * unit for bound in (arguments.low, arguments.high))
    threshold = arguments.threshold and arguments.threshold * unit_mg_per_L
    spec = next((t for t in card.targets if t.metric == arguments.metric), None)
    if low is None and high is None:
        if spec is None:
            raise ValueError(f"the card of {card.name} has no target for {arguments.metric}; give --low, --high or both.")
        say("warning", f"the target is that of the card, {spec.low:g} to {spec.high:g} {spec.unit}; --low and --high set another.")
    if spec is not None and (low, high) in ((None, None), (spec.low, spec.high)):
        return replace(Target.from_spec(spec), threshold_mg_per_L=threshold or spec.threshold_mg_per_L)
    if not (spec or card.targets):
        raise ValueError(f"the card of {card.name} has no target, and gives no dose: its model was learned from a cohort alone. Use predict or forecast.")
    base = spec or card.target()
    alarm = Target.from_spec(spec).toxicity_alarm if spec else None
    said = f"the toxicity alarm at {alarm:g} {base.unit}" if alarm is not None else "no toxicity alarm"
    say("warning", f"of the card of {card.name} this target keeps {said} and the least probability of {base.least_probability:.0%}.")
    return Target(
        metric=arguments.metric,
        low=low,
        high=high,
        toxicity_alarm=alarm,
        threshold_mg_per_L=threshold,
        least_probability=base.least_probability,
        toxicity_weight=base.toxicity_weight,
    )


def known_at(patient: Patient, from_h: float) -> Patient:
    """The patient when the new regimen starts: doses before that hour, levels and covariates up to it."""
    return replace(patient.until(math.nextafter(from_h, math.inf)), doses=patient.until(from_h).doses)


def left_out(patient: Patient, known: Patient, from_h: float) -> Iterator[str]:
    """What the file holds beyond `known`, in sentences."""
    if more := len(patient.doses) - len(known.doses):
        yield f"{more} doses at or after {from_h:g} h are left out: the new regimen replaces them."
    if more := len(patient.samples) - len(known.samples):
        yield f"{more} levels after {from_h:g} h are left out: the new regimen starts before them."
    if more := sum(not is_derived(c) for c in patient.covariates) - sum(not is_derived(c) for c in known.covariates):
        yield f"{more} covariate values after {from_h:g} h are left out: they are not known yet when the new regimen starts."


def regimen_rows(posterior: Posterior, found: Recommendation, unit: float) -> list[Row]:
    """The regimens that reach the least probability; else, or where the posterior failed, one row without a rank that says why."""
    own: Row = {"ID": posterior.patient.id, "ENGINE": posterior.engine, "VERDICT": (posterior.entitlement or Entitlement()).verdict}
    if found.best is None:
        return [own | {"CAUTIONS": " ".join(dict.fromkeys((found.reason or "", *posterior.cautions)))}]
    rows = []
    for rank, option in enumerate(found.ranked, 1):
        if option.probability_in < found.target.least_probability:
            break
        cautions = found.cautions if rank == 1 else option.cautions
        rows.append(
            own
            | {
                "RANK": rank,
                "AMOUNT_MG": option.regimen.amount_mg,
                "INTERVAL_H": option.regimen.interval_h,
                "INFUSION_H": option.regimen.infusion_h,
                "P_IN": option.probability_in,
                "P_ABOVE": option.probability_above,
                "P_BELOW": option.probability_below,
                "EXPOSURE_MEDIAN": option.exposure_median / unit,
                "LO90": option.exposure_low90 / unit,
                "HI90": option.exposure_high90 / unit,
                "EXACT_AMOUNT_MG": option.exact_amount_mg,
                "CAUTIONS": " ".join((*posterior.cautions, *cautions)),
            }
        )
    return rows
