"""`shapes`: train the small VAE of the Profiles page's gallery, and measure it on fresh synthetic patients."""

import argparse
import datetime
import sys

import torch

from pkvae_core.checks.shapes import PATIENTS, measure_shapes
from pkvae_core.commands.cases import ALL_ANSWERED, count
from pkvae_core.vae.shapes_training import ShapeSchedule, load_shapes, save_shapes, train_shapes, write_held_out

HELP = "the learned model of the gallery of shapes: train, or measure again"
DESCRIPTION = """\
Draws virtual patients of seven synthetic shapes that compartment models miss, teaches one small VAE
on all of them without telling it which is which, measures it beside textbook fits on fresh patients,
and writes assets/gallery. A quarter of an hour on one idle core. --measure keeps the trained model and
measures it again; with --recorded nothing is trained or measured."""
EXAMPLES = """\
examples:
  python -m pkvae_core shapes
  python -m pkvae_core shapes --measure
  python -m pkvae_core shapes --recorded"""


def add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=count, default=1, metavar="N", help="of the training (default 1)")
    parser.add_argument("--patients", type=count, default=PATIENTS, metavar="N", help=f"of each shape, to measure the bands on (default {PATIENTS:,})")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--measure", action="store_true", help="measure the model in assets/gallery again, and record that")
    which.add_argument("--recorded", action="store_true", help="print what assets/gallery/model.json holds instead of training")


def run(arguments: argparse.Namespace) -> int:
    torch.set_num_threads(1)
    if not (arguments.recorded or arguments.measure):
        schedule = ShapeSchedule(seed=arguments.seed)
        save_shapes(train_shapes(schedule, _say), schedule, trained=datetime.date.today().isoformat(), held_out={})
    if not arguments.recorded:
        write_held_out(measure_shapes(load_shapes(), patients=arguments.patients, say=_say))
    print(markdown(load_shapes().provenance["held_out"]))
    return ALL_ANSWERED


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def markdown(found: dict) -> str:
    lines = [
        f"Median error of the curve (% of its mean; root mean square over 36 h) on {found['compared']:,} fresh patients a shape with {found['levels']} "
        f"levels, at the dose given → foretold for {found['multiple']:g} times it; and true concentrations in the VAE's 90 % band on {found['patients']:,} "
        "patients (95 % interval over them).",
        "",
        "| shape | one compartment | two compartments | VAE | VAE closest | held, % (95 %) | foretold, on the former, % (95 %) |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, each in found["shapes"].items():
        cells = " | ".join(f"{each['given'][fit]:.1f} → {each['asked'][fit]:.1f}" for fit in each["given"])
        held = " | ".join("{:.1f} ({:.1f}–{:.1f})".format(*(100 * value for value in each[which])) for which in ("held", "asked_held"))
        lines.append(f"| {name} | {cells} | {100 * each['closest']:.0f} % | {held} |")
    return "\n".join(lines)
