"""The command line: python -m pkvae_core <command> --help."""

import argparse
import sys
from collections.abc import Sequence

from pkvae_core.case import DISCLAIMER
from pkvae_core.commands import benchmark, dose, forecast, lint, peaks, predict, shapes, strangers, train, ward
from pkvae_core.commands.cases import NOTHING_ANSWERED, say

_Plain = argparse.RawDescriptionHelpFormatter
COMMANDS = {
    "predict": predict,
    "dose": dose,
    "ward": ward,
    "forecast": forecast,
    "train": train,
    "benchmark": benchmark,
    "peaks": peaks,
    "shapes": shapes,
    "strangers": strangers,
    "lint": lint,
}
EXIT_CODES = f"""\
exit codes:
  0  everything was answered; warnings, if any, are on stderr
  1  some patients (or cards) have errors, listed on stderr; the others are answered
  2  nothing was answered: wrong usage, an unreadable file, or errors in every patient

{DISCLAIMER}"""


def parser() -> argparse.ArgumentParser:
    """Every command with its flags, its examples and the exit codes."""
    top = argparse.ArgumentParser(
        prog="python -m pkvae_core", description="Precision dosing with one variational autoencoder per drug.", epilog=EXIT_CODES, formatter_class=_Plain
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="command")
    for name, command in COMMANDS.items():
        own = commands.add_parser(
            name, help=command.HELP, description=command.DESCRIPTION, epilog=f"{command.EXAMPLES}\n\n{EXIT_CODES}", formatter_class=_Plain
        )
        command.add_flags(own)
    return top


def main(words: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code; what the outside world got wrong is one sentence on stderr, never a traceback."""
    arguments = parser().parse_args(words)
    try:
        return COMMANDS[arguments.command].run(arguments)
    except OSError as error:
        say("error", f"{error.filename or 'the file'}: {error.strerror or error}.")
    except ValueError as error:
        say("error", str(error))
    except KeyboardInterrupt:
        say("error", "interrupted.")
    return NOTHING_ANSWERED


if __name__ == "__main__":
    sys.exit(main())
