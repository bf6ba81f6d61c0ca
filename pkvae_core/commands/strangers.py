"""`strangers`: does a drug's model know when to be silent?"""

import argparse
import sys

from pkvae_core.checks.strangers import strangers, summary, table
from pkvae_core.commands.cases import ALL_ANSWERED, count
from pkvae_core.drugs.card import CARDS
from pkvae_core.vae.checkpoint import load_model, write_provenance

HELP = "how often a model refuses its own patients, and strangers"
DESCRIPTION = """\
Draws virtual patients with 1, 2 and 4 levels and asks of each whether the model is entitled to
speak: patients like those of its training, levels ten times too high or too low, peak and trough
exchanged, children under an adult's card, dialysis with kidneys said to work, and levels of the
other drugs. Prints how many are sent away (out: MAP-Bayes answers; refused: nobody does) and how
many are answered with a caution. Some minutes on two cores."""
EXAMPLES = """\
examples:
  python -m pkvae_core strangers vancomycin
  python -m pkvae_core strangers tobramycin --patients 100 --seed 3"""


def add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("drug", help="name of a drug card with a trained model")
    parser.add_argument("--seed", type=count, default=0, metavar="N", help="redraws every patient (default 0)")
    parser.add_argument("--patients", type=count, default=200, metavar="N", help="strangers of each kind and number of levels (default 200)")
    parser.add_argument("--record", action="store_true", help="write the figures into the model's provenance, model.json")


def run(arguments: argparse.Namespace) -> int:
    model = load_model(arguments.drug)

    def progress(done: int, total: int) -> None:
        print(f"{arguments.drug}: {done} of {total} groups", file=sys.stderr, flush=True)

    found = strangers(model, patients=arguments.patients, seed=arguments.seed, progress=progress)
    print(f"{table(found)}\n\n{found.sentence}")
    if arguments.record:
        held_out = {**load_model(arguments.drug).provenance["held_out"], "strangers": summary(found)}
        write_provenance({**model.provenance, "held_out": held_out}, CARDS / arguments.drug)
    return ALL_ANSWERED
