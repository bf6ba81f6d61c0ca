"""`benchmark`: how close is a drug's model to the exact posterior on fresh virtual patients?"""

import argparse
import sys

from pkvae_core.checks.benchmark import benchmark, summary, table
from pkvae_core.commands.cases import ALL_ANSWERED, count
from pkvae_core.drugs.card import CARDS
from pkvae_core.vae.checkpoint import load_model, write_provenance

HELP = "a drug's model against the exact posterior"
DESCRIPTION = """\
Draws virtual patients that training never saw, with 0, 1, 2 and 4 levels, and prints a table:
log-RMSE of the model and of the exact posterior (importance sampling from the same published
models) and their ratio, coverage of the 90 % interval, loss of probability in target, rungs,
effective draws and time. The full table takes about an hour on two cores."""
EXAMPLES = """\
examples:
  python -m pkvae_core benchmark vancomycin
  python -m pkvae_core benchmark vancomycin --seed 7
  python -m pkvae_core benchmark theophylline --patients 50 --coverage-patients 400"""


def add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("drug", help="name of a drug card with a trained model")
    parser.add_argument("--seed", type=count, default=0, metavar="N", help="redraws every patient (default 0)")
    parser.add_argument("--patients", type=count, default=500, metavar="N", help="patients in a cell that are compared with the exact posterior (default 500)")
    parser.add_argument("--coverage-patients", type=count, default=4000, metavar="N", help="patients in a cell that measure the coverage (default 4000)")
    parser.add_argument("--record", action="store_true", help="write the figures into the model's provenance, model.json")


def run(arguments: argparse.Namespace) -> int:
    model = load_model(arguments.drug)
    sizes = {"patients": arguments.patients, "coverage_patients": arguments.coverage_patients}
    cells = benchmark(model, **sizes, seed=arguments.seed, progress=lambda line: print(line, file=sys.stderr, flush=True))
    print(table(cells))
    if arguments.record:
        write_provenance({**model.provenance, "held_out": summary(cells, seed=arguments.seed)}, CARDS / arguments.drug)
    return ALL_ANSWERED
