"""`benchmark`: how close is a drug's model to the exact posterior on fresh virtual patients, and where do classical answers stand?"""

import argparse
import sys
from types import ModuleType

import torch

from pkvae_core.checks.benchmark import benchmark
from pkvae_core.checks.recorded import record, recorded
from pkvae_core.checks.scoreboard import markdown, summary
from pkvae_core.commands.cases import ALL_ANSWERED, count
from pkvae_core.commands.measurements import MEASUREMENTS
from pkvae_core.drugs.card import CARDS, available_drugs
from pkvae_core.vae.checkpoint import load_model, write_provenance

HELP = "a drug's model against the exact posterior and MAP-Bayes"
DESCRIPTION = """\
Draws virtual patients that training never saw, with 0, 1, 2 and 4 levels, and prints a table for
each drug. Engines: exact posterior (importance sampling from the card's published models), VAE with
its ladder, encoder alone, MAP-Bayes with the model that made the patient, with a wrong one, averaged,
and by its mode and Laplace covariance alone. Figures: log-RMSE and bias of the exposure, its ratio to
the exact posterior's, coverage of the 90 % interval, probability in target lost against the exact
posterior, patients whose true exposure lands in target when dosed by that engine, time. Then: the
same by the model that made the patients, coverage by group of patients, kidney function that falls
by half in mid-course, and the time of a regimen search. About ten minutes a drug on one idle core.

--of NAME measures something else than one drug's accuracy; what can be named is listed with the flag."""
EXAMPLES = """\
examples:
  python -m pkvae_core benchmark --all
  python -m pkvae_core benchmark vancomycin --seed 7
  python -m pkvae_core benchmark --all --recorded --compact
  python -m pkvae_core benchmark theophylline --patients 50 --coverage-patients 400"""


def add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("drug", nargs="?", help="name of a drug card with a trained model")
    parser.add_argument("--all", action="store_true", help="every drug that has a trained model")
    parser.add_argument("--of", choices=sorted(MEASUREMENTS), help="; ".join(f"{name}: {each.TITLE}" for name, each in sorted(MEASUREMENTS.items())))
    parser.add_argument("--seed", type=count, default=0, metavar="N", help="redraws every patient (default 0)")
    parser.add_argument("--patients", type=count, default=1000, metavar="N", help="patients in a cell on whom all engines are compared (default 1000)")
    parser.add_argument("--coverage-patients", type=count, default=4000, metavar="N", help="patients in a cell that measure the VAE's coverage (default 4000)")
    parser.add_argument("--record", action="store_true", help="write the figures into the model's provenance, model.json")
    parser.add_argument("--recorded", action="store_true", help="print what model.json holds instead of measuring")
    parser.add_argument(
        "--anew", nargs="+", default=[], metavar="DRUG", help="with --of: measure these drugs again, though figures of the same model are recorded"
    )
    parser.add_argument("--compact", action="store_true", help="one row for each engine")


def run(arguments: argparse.Namespace) -> int:
    if [bool(arguments.all), bool(arguments.drug), bool(arguments.of)].count(True) != 1:
        raise ValueError("name one drug, or say --all, or name a measurement with --of.")
    if arguments.anew and (arguments.recorded or not arguments.of):
        raise ValueError("--anew belongs to a measurement named with --of, and not to --recorded.")
    if arguments.recorded and arguments.record:
        raise ValueError("--record writes what is measured, --recorded measures nothing; give one of them.")
    torch.set_num_threads(1)  # one thread, as a patient's answer gets on the page
    if arguments.of:
        return measure_other(arguments)
    drugs = [d for d in available_drugs() if (CARDS / d / "model.safetensors").exists()] if arguments.all else [arguments.drug]
    for drug in drugs:
        model = load_model(drug)
        held_out = model.provenance["held_out"] if arguments.recorded else measure(arguments, drug)
        if not held_out.get("cells"):
            raise ValueError(f"nothing is recorded for {drug} yet; measure it: python -m pkvae_core benchmark {drug} --record")
        print(markdown(model.card, held_out, is_compact=arguments.compact), end="\n\n", flush=True)
    return ALL_ANSWERED


def measure(arguments: argparse.Namespace, drug: str) -> dict:
    """The figures of one drug, recorded where that is asked for."""
    if min(arguments.patients, arguments.coverage_patients) < 10:
        raise ValueError("fewer than 10 patients measure nothing; raise --patients and --coverage-patients.")
    model = load_model(drug)
    sizes = {"patients": arguments.patients, "coverage_patients": arguments.coverage_patients}
    found = benchmark(model, **sizes, seed=arguments.seed, progress=lambda line: print(line, file=sys.stderr, flush=True))
    held_out = summary(found, seed=arguments.seed)
    if arguments.record:
        write_provenance({**model.provenance, "held_out": model.provenance["held_out"] | held_out}, CARDS / drug)
    return held_out


def measured(measurement: ModuleType, arguments: argparse.Namespace) -> dict:
    """Those that keep a drug's figures while its model stays the same can be told not to."""
    keeps, anew = getattr(measurement, "KEEPS", False), frozenset(arguments.anew)
    if anew and not keeps:
        raise ValueError(f"{arguments.of} is measured anew every time; leave --anew out.")
    if unknown := sorted(anew - set(available_drugs())):
        raise ValueError(f"--anew names no drug card: {', '.join(unknown)}. There are {', '.join(available_drugs())}.")
    return measurement.measure(arguments.seed, lambda line: print(line, file=sys.stderr, flush=True), **({"anew": anew} if keeps else {}))


def measure_other(arguments: argparse.Namespace) -> int:
    """One of `MEASUREMENTS`, printed, and recorded where that is asked for."""
    measurement = MEASUREMENTS[arguments.of]
    found = recorded(arguments.of) if arguments.recorded else measured(measurement, arguments)
    if found is None:
        raise ValueError(f"nothing is recorded for {arguments.of} yet; measure it: python -m pkvae_core benchmark --of {arguments.of} --record")
    if arguments.record:
        record(arguments.of, found)
    print(measurement.markdown(found), end="\n\n", flush=True)
    return ALL_ANSWERED
