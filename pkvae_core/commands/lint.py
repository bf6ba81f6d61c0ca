"""`lint`: can the drug cards and the published models they name be believed?"""

import argparse

from pkvae_core.commands.cases import ALL_ANSWERED, NOTHING_ANSWERED, SOME_UNANSWERED
from pkvae_core.drugs.card import available_drugs
from pkvae_core.drugs.lint import lint_drug

HELP = "checks drug cards and published models"
DESCRIPTION = """\
Checks units, sources, salt factors, limits, and the typical patient's predicted exposure on each
card, and every published model against its paper's headline value. Prints one line for each
defect."""
EXAMPLES = """\
examples:
  python -m pkvae_core lint
  python -m pkvae_core lint vancomycin theophylline"""


def add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("drugs", nargs="*", metavar="DRUG", help="names of drug cards (default: all)")


def run(arguments: argparse.Namespace) -> int:
    drugs = arguments.drugs or available_drugs()
    failed = 0
    for drug in drugs:
        problems = lint_drug(drug)
        has_error = any(problem.severity == "error" for problem in problems)
        failed += has_error
        print(f"{drug}: {'errors' if has_error else 'warnings' if problems else 'fine'}")
        for problem in problems:
            print(f"  {problem.severity}: {problem}")
    return ALL_ANSWERED if not failed else NOTHING_ANSWERED if failed == len(drugs) else SOME_UNANSWERED
