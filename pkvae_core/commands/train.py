"""`train`: how does a drug get its model?"""

import argparse
from dataclasses import replace
from pathlib import Path

from pkvae_core.commands.cases import ALL_ANSWERED, count
from pkvae_core.drugs.card import CARDS, load_card
from pkvae_core.vae.train import Schedule, train

HELP = "train a drug's model on virtual patients"
DESCRIPTION = """\
Draws fresh virtual patients from the published models on the drug's card and trains on them, with
a progress bar. Writes model.safetensors, model.json (provenance) and training.csv (the parts of
the objective) into --out; without --out into the drug's own folder, where every command looks."""
EXAMPLES = """\
examples:
  python -m pkvae_core train vancomycin
  python -m pkvae_core train vancomycin --resume
  python -m pkvae_core train theophylline --fast --out smoke"""


def add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("drug", help="name of a drug card")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="where the model goes (default: the drug's folder)")
    parser.add_argument("--fast", action="store_true", help="a smoke run of a minute, of no clinical use; needs --out")
    parser.add_argument("--steps", type=count, default=Schedule.steps, metavar="N", help="steps of training (default %(default)s); recorded in model.json")
    parser.add_argument("--resume", action="store_true", help="go on from the last state that an interrupted training left in the folder")
    parser.add_argument("--seed", type=count, default=Schedule.seed, metavar="N", help="seed of the virtual patients and of the weights (default %(default)s)")


def run(arguments: argparse.Namespace) -> int:
    if arguments.fast and arguments.out is None:
        raise ValueError("--fast would replace the shipped model by a smoke run; name another folder with --out.")
    load_card(arguments.drug)
    out = arguments.out or CARDS / arguments.drug
    schedule = replace(Schedule.fast() if arguments.fast else Schedule(steps=arguments.steps), seed=arguments.seed)
    model = train(arguments.drug, out, schedule=schedule, resume=arguments.resume)
    print(f"{out}: {model.version}")
    return ALL_ANSWERED
