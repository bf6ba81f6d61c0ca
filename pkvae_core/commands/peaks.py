"""`peaks`: does a model learned from a cohort alone foresee second peaks in patients it did not learn from?"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch

from pkvae_core.checks.own_model import Plan, card_of, reading_card, usable
from pkvae_core.checks.second_peaks import second_peaks
from pkvae_core.commands.cases import ALL_ANSWERED, add_reading_flags, count, read_cases
from pkvae_core.patient import Patient
from pkvae_core.vae.observed import learn
from pkvae_core.vae.vae import PKVAE

HELP = "second peaks foreseen in held-out patients by models learned from the others"
DESCRIPTION = """\
Learns from the patients in a file, without any structural model, all but one fold of them at a
time; gives that model every second level of each held-out patient, once from the first on and once
from the second, and looks for a second peak in its median curve within two hours of the one that
all levels show. Prints how many were foreseen,
and how many patients without a second peak were told of one; beside it what the given levels show
alone, what the median shows with all levels, the probability of a second peak, and how well the
other levels are predicted. Learns as `train --second-peaks` does: from many starts, of which the best
are kept, as most of them draw two peaks as one. A minute or two for each fold."""
EXAMPLES = """\
examples:
  python -m pkvae_core peaks trial.csv --route oral --dvid 1 --dv-unit ug/L --lloq 1"""


def add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("cases", type=Path, metavar="COHORT.csv", help="NONMEM-style table of patients with 6 levels or more each")
    parser.add_argument("--route", choices=("iv", "oral"), default="oral", help="the route of a dose that states none (default oral)")
    parser.add_argument("--molar-mass", type=float, metavar="G_PER_MOL", help="for levels in umol/L")
    parser.add_argument("--assay-cv", type=float, metavar="PERCENT", help="the laboratory's own error; what the model misses beyond it widens its bands")
    parser.add_argument("--folds", type=count, default=6, metavar="K", help="folds of the cross-validation (default 6)")
    parser.add_argument("--seed", type=count, default=1, metavar="N", help="seed of the folds and of the learning (default 1)")
    parser.add_argument("--as-usual", action="store_true", help="learn as `train` does without --second-peaks")
    add_reading_flags(parser)


def run(arguments: argparse.Namespace) -> int:
    torch.set_num_threads(1)
    given = {"folds": arguments.folds, "seed": arguments.seed, "assay_cv_percent": arguments.assay_cv, "has_peaks": not arguments.as_usual}
    plan = Plan("Second peaks", arguments.cases.name, **given)
    units = {"amount_unit": arguments.amount_unit or "mg", "concentration_unit": arguments.dv_unit or "mg/L"}
    units |= {"molar_mass_g_per_mol": arguments.molar_mass, "route": arguments.route}
    cases = read_cases(arguments, reading_card(plan, **units))
    patients = usable([record.patient for record in cases.cohort.records])
    card = card_of(plan, patients, **units)

    def learned(training: Sequence[Patient], fold: int) -> PKVAE:
        with tempfile.TemporaryDirectory() as folder:
            return learn(card, training, Path(folder), schedule=plan.schedule, assay=plan.assay)

    def progress(done: int, total: int) -> None:
        print(f"fold {done + 1} of {total}", file=sys.stderr, flush=True)

    both = second_peaks(learned, patients, folds=plan.folds, seed=plan.seed, progress=progress)
    for given, found in zip(("first", "second"), both, strict=True):
        print(f"Every second level given, from the {given} on:")
        for each in found.patients:
            near = ", within 2 h" if each.is_hit else ""
            print(f"{each.patient_id}: observed {_hour(each.observed_h)}, foreseen {_hour(each.foreseen_h)}{near}; probability {100 * each.probability:.0f} %")
        print("", found.sentence, found.beside, found.probable, found.missed, "", sep="\n")
    return ALL_ANSWERED


def _hour(time_h: float | None) -> str:
    return "none" if time_h is None else f"at {time_h:.1f} h"
