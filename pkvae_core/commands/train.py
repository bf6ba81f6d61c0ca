"""`train`: how does a drug get its model, or a cohort of one's own?"""

import argparse
from dataclasses import replace
from pathlib import Path

from pkvae_core.commands.cases import ALL_ANSWERED, add_reading_flags, count
from pkvae_core.commands.cohort import train_on_cohort
from pkvae_core.drugs.card import CARDS, load_card
from pkvae_core.vae.train import Schedule, train

HELP = "train a drug's model on virtual patients, or one on your own cohort"
DESCRIPTION = """\
With the name of a drug: draws fresh virtual patients from the published models on its card and
trains on them, with a progress bar. Writes model.safetensors, model.json (provenance) and
training.csv (the parts of the objective) into --out; without --out into the drug's own folder.

With --data: learns from the patients in a file, whatever their number of levels and without any
structural model. --from NAME starts from a shipped drug's model and keeps its card (products,
targets, limits); without it the model starts from nothing, and its card gives no dose and has no
target. --out is the folder of the new model: predict, dose and forecast take it with --model, and
in the library (PKVAE_MODELS, else .pkvae/models in your home) the app offers it. No patient's row is
stored in it. --validate holds it against the shipped model and MAP-Bayes on patients who were left
out, by subject-wise cross-validation, and prints a verdict; it trains one more model for each fold.
A model from scratch is held against a shipped one with --beside NAME.

Interrupted (Ctrl-C), either training goes on with --resume."""
EXAMPLES = """\
examples:
  python -m pkvae_core train vancomycin
  python -m pkvae_core train theophylline --fast --out smoke
  python -m pkvae_core train --data ward7.csv --name "Vancomycin, ward 7" --from vancomycin --out ~/.pkvae/models/vancomycin-ward-7 --validate
  python -m pkvae_core train --data trial.csv --name "Compound X" --route oral --out compound-x
  python -m pkvae_core predict cases.csv --model compound-x --out predictions.csv"""


def add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("drug", nargs="?", help="name of a drug card")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="where the model goes (default: the drug's folder; needed with --data)")
    parser.add_argument("--fast", action="store_true", help="a smoke run of a minute, of no clinical use; needs --out")
    parser.add_argument("--steps", type=count, metavar="N", help=f"steps of training (default {Schedule.steps:,}); recorded in model.json")
    parser.add_argument("--latent", type=count, metavar="N", help="dimensions of z (default: those of the shipped model); recorded in model.json")
    parser.add_argument("--resume", action="store_true", help="go on from the last state that an interrupted training left in the folder")
    parser.add_argument("--seed", type=count, default=Schedule.seed, metavar="N", help="seed of the patients and of the weights (default %(default)s)")
    cohort = parser.add_argument_group("a cohort of your own")
    cohort.add_argument("--data", type=Path, metavar="COHORT.csv", help="NONMEM-style table of the patients to learn from")
    cohort.add_argument("--name", help="what the new model is called")
    cohort.add_argument("--from", dest="start", default="", metavar="DRUG", help="the shipped model that is adapted (default: from scratch)")
    cohort.add_argument("--beside", default="", metavar="DRUG", help="the shipped model that one from scratch is held against; the file is read with its card")
    cohort.add_argument("--route", choices=("iv", "oral"), default="iv", help="from scratch: the route of a dose that states none (default iv)")
    cohort.add_argument("--molar-mass", type=float, metavar="G_PER_MOL", help="from scratch: for levels in umol/L")
    cohort.add_argument(
        "--assay-cv", type=float, metavar="PERCENT", help="from scratch: the laboratory's own error; what the model misses beyond it widens its bands"
    )
    cohort.add_argument("--second-peaks", action="store_true", help="from scratch: rich profiles that may have second peaks; many starts, the best are kept")
    cohort.add_argument("--validate", action="store_true", help="cross-validate, and print the verdict")
    cohort.add_argument("--folds", type=count, default=5, metavar="K", help="folds of the cross-validation (default 5)")
    add_reading_flags(parser)


def run(arguments: argparse.Namespace) -> int:
    if (arguments.drug is None) == (arguments.data is None):
        raise ValueError("name a drug to train on virtual patients, or a file of your own with --data.")
    if arguments.data is not None:
        return train_on_cohort(arguments)
    if arguments.fast and arguments.out is None:
        raise ValueError("--fast would replace the shipped model by a smoke run; name another folder with --out.")
    card = load_card(arguments.drug)
    out = arguments.out or CARDS / arguments.drug
    usual = Schedule.of(card)
    schedule = replace(Schedule.fast() if arguments.fast else replace(usual, steps=arguments.steps or usual.steps), seed=arguments.seed)
    model = train(arguments.drug, out, schedule=schedule, latent=arguments.latent, resume=arguments.resume)
    print(f"{out}: {model.version}")
    return ALL_ANSWERED
