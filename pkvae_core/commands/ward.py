"""`ward`: who on this ward needs another dose first, and which?"""

import argparse
import sys

from pkvae_core.commands.cases import ALL_ANSWERED, NOTHING_ANSWERED, SOME_UNANSWERED, add_case_flags, count, model_of, open_cases, say, say_shared, write_rows
from pkvae_core.commands.changed import eating
from pkvae_core.commands.crew import Ask, Rows, cores, on_cores, on_dask
from pkvae_core.dosing.target import Target
from pkvae_core.drugs.card import DrugCard
from pkvae_core.insight.urgency import LIKELY, POSSIBLE
from pkvae_core.insight.ward import WardRow, ranked, unread
from pkvae_core.insight.ward_words import counted
from pkvae_core.report.ward import COLUMNS, ward_table

HELP = "a whole ward in one table, the most urgent patient first"
DESCRIPTION = f"""\
OUT.csv has one row for every patient of the file, also for those who cannot be answered. They are
ranked by URGENCY: "too high" (P_TOO_HIGH, the probability above the target's toxicity alarm, is at
least {LIKELY:g}), "perhaps high" (at least {POSSIBLE:g}), "too low" and "perhaps low" (P_TOO_LOW, below its
inefficacy alarm, likewise), "off target" (P_IN below the card's least probability), "no alarm"; then,
without a RANK, "not judged" and "unanswered", each with its REASON.

EXPOSURE_MEDIAN, LO90 and HI90 are what the target measures on the CURRENT regimen left as it is
(BASIS "unchanged") or, where the doses follow no clear regimen, over the 24 h before NOW_H ("past
day"). NOW_H is where the record stands: the first row with EVID=2 after the last dose and level, else
the hour at which the next dose falls due. HI90 is "inf" where more than 1 in 20 outcomes never settle.
Exposures are in EXPOSURE_UNIT whatever the unit of DV, levels in LEVEL_UNIT, that of DV. BEST is the regimen that the Dose page shows first for the
same record, BEST_P_IN its chance in target, CHANGE what it changes in the current one.

Hours are on the clock of the file; where it has dates, hour 0 is the patient's first row.

The work is shared among all cores, or with --dask among the workers of a Dask cluster; a seed gives
the same numbers on any of them. Dask is not installed with PKVAE."""
EXAMPLES = """\
examples:
  python -m pkvae_core ward ward.csv --drug vancomycin --out urgent.csv
  python -m pkvae_core ward ward.xlsx --drug tobramycin --out urgent.csv --cores 4
  python -m pkvae_core ward ward.csv --drug vancomycin --out urgent.csv --dask tcp://10.0.0.7:8786"""


def add_flags(parser: argparse.ArgumentParser) -> None:
    add_case_flags(parser)
    parser.add_argument("--metric", metavar="M", default="", help="one of the card's targets, such as trough (default: the card's default target)")
    who = parser.add_argument_group("who computes").add_mutually_exclusive_group()
    who.add_argument("--cores", type=count, default=None, metavar="N", help="processes on this machine (default: one for each core)")
    who.add_argument("--dask", metavar="ADDRESS", help="a Dask scheduler, such as tcp://10.0.0.7:8786; its workers need PKVAE")


def run(arguments: argparse.Namespace) -> int:
    cases = open_cases(arguments)
    target = target_of(cases.card, arguments.metric)
    ask = Ask(arguments.model or arguments.drug, model_of(arguments).version, target, arguments.seed)
    records = cases.cohort.records
    say_shared(eating(cases.card, records))
    rows = on_dask(ask, records, arguments.dask) if arguments.dask else on_cores(ask, records, arguments.cores or cores())
    found = in_order(rows, len(records)) if records else []
    table = ranked([*found, *unread(cases.cohort.problems)])
    write_rows(arguments.out, COLUMNS, ward_table(table, target, unit=cases.concentration_unit, unit_mg_per_L=cases.unit_mg_per_L))
    say("note", ", ".join(f"{urgency.label.lower()}: {number}" for urgency, number in counted(row.urgency for row in table).items()) + ".")
    return code_of(table)


def target_of(card: DrugCard, metric: str) -> Target | None:
    """The card's target for the metric, said aloud; None where the card states none and none is asked for."""
    if not card.targets and not metric:
        say("warning", f"the card of {card.name} states no target: no exposure is judged.")
        return None
    spec = card.target(metric)
    low, high = ("none" if alarm is None else f"{alarm:g} {spec.unit}" for alarm in (spec.inefficacy_alarm, spec.toxicity_alarm))
    say("note", f"the target is that of the card: {spec.label}, {spec.low:g} to {spec.high:g} {spec.unit}; inefficacy alarm: {low}, toxicity alarm: {high}.")
    return Target.from_spec(spec)


def in_order(rows: Rows, total: int) -> list[WardRow]:
    """The rows in the order of the file; says on a terminal how far it is."""
    found: dict[int, WardRow] = {}
    for place, row in rows:
        found[place] = row
        if sys.stderr.isatty():
            print(f"\r{len(found):,} of {total:,} patients", end="" if len(found) < total else "\n", file=sys.stderr, flush=True)
    return [found[place] for place in range(total)]


def code_of(table: tuple[WardRow, ...]) -> int:
    """A refusal is an answer; a record that cannot be read, or a computation that failed, is none."""
    failed = [row.patient_id for row in table if row.is_failed]
    if failed:
        say("error", f"{len(failed)} of {len(table)} patients not answered: {', '.join(failed)}.")
    return ALL_ANSWERED if not failed else SOME_UNANSWERED if len(failed) < len(table) else NOTHING_ANSWERED
