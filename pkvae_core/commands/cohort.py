"""How does `train --data` make a model of a cohort, and say whether it got better?"""

import argparse
import sys
import time

from pkvae_core.checks.accuracy import Figure
from pkvae_core.checks.adaptation import NEW, RULE, Validation
from pkvae_core.checks.own_model import Plan, card_of, hold_out, make, reading_card, usable
from pkvae_core.commands.cases import ALL_ANSWERED, SOME_UNANSWERED, Cases, read_cases, say
from pkvae_core.drugs.summary import CohortSummary, summarise_cohort
from pkvae_core.wording import plain

EVERY_S = 0.5


def train_on_cohort(arguments: argparse.Namespace) -> int:
    """Reads, learns, cross-validates where that is asked for, and prints what came of it."""
    if arguments.out is None or not arguments.name:
        raise ValueError("--data needs --name NAME, what the model is called, and --out FOLDER, where it goes.")
    if arguments.start and arguments.beside:
        raise ValueError("--from is compared with the shipped model anyway; --beside is for a model from scratch. Give one of them.")
    folds = arguments.folds if arguments.validate else 0
    how = {"folds": folds, "seed": arguments.seed, "is_fast": arguments.fast, "assay_cv_percent": arguments.assay_cv, "has_peaks": arguments.second_peaks}
    plan = Plan(arguments.name, arguments.data.name, arguments.start, arguments.beside, **how)
    units = {"amount_unit": arguments.amount_unit or "mg", "concentration_unit": arguments.dv_unit or "mg/L"}
    units |= {"molar_mass_g_per_mol": arguments.molar_mass, "route": arguments.route}
    arguments.cases = arguments.data
    cases = read_cases(arguments, reading_card(plan, **units))
    patients = tuple(record.patient for record in cases.cohort.records)
    card = card_of(plan, patients, **units)
    say("note", cohort_words(summarise_cohort(card, patients)))
    if idle := len(patients) - len(usable(patients)):
        say("warning", f"{idle} patients without a dose or a level are left out: they teach nothing.")
    bar = Bar()
    model = make(plan, card, patients, arguments.out, resume=arguments.resume, tick=bar.tick)
    print(f"{arguments.out}: {model.version}")
    if folds:
        found = hold_out(plan, card, patients, arguments.out, progress=lambda done, total: bar.tick(done, total, {}))
        print(validation_table(found, plan))
    return SOME_UNANSWERED if _has_errors(cases) else ALL_ANSWERED


def _has_errors(cases: Cases) -> bool:
    return any(problem.severity == "error" for problem in cases.cohort.problems)


class Bar:
    """A line on stderr that says how far the work is; on no terminal a new line for each twentieth."""

    def __init__(self):
        self.began, self.said, self.shown = time.monotonic(), 0.0, -1

    def tick(self, done: int, total: int, losses: dict[str, float]) -> None:
        now, share = time.monotonic(), done / total if total else 0.0
        if done == 0:
            self.began, self.shown = now, -1
        is_terminal = sys.stderr.isatty()
        if (is_terminal and now - self.said < EVERY_S and done < total) or (not is_terminal and int(20 * share) == self.shown):
            return
        self.said, self.shown = now, int(20 * share)
        left = f", {(now - self.began) / share * (1 - share) / 60:.1f} min left" if share > 0.01 else ""
        parts = "".join(f", {name} {value:.3g}" for name, value in losses.items())
        print(
            f"[{'#' * int(30 * share):<30}] {100 * share:.0f} %{left}{parts}", end="\r" if is_terminal and done < total else "\n", file=sys.stderr, flush=True
        )


def cohort_words(found: CohortSummary) -> str:
    """The cohort in one sentence."""
    low, middle, high = found.levels_each
    below = f", {100 * found.below_share:.1f} % below their limit" if found.below_limit else ""
    return (
        f"{found.patients:,} patients with {found.doses:,} doses and {found.levels:,} levels ({low} to {high} each, median {plain(middle, 1)}){below}; "
        f"followed for {plain(found.span_h[0], 0)} h in the median, {plain(found.span_h[1], 0)} h at most."
    )


def figure_words(figure: Figure, digits: int = 1) -> str:
    """34.5 (30.1 to 39.0)."""
    if figure.value is None:
        return "none"
    between = f" ({figure.low95:.{digits}f} to {figure.high95:.{digits}f})" if figure.low95 is not None and figure.high95 is not None else ""
    return f"{figure.value:.{digits}f}{between}"


def validation_table(found: Validation, plan: Plan) -> str:
    """Everybody on the same held-out levels, the new model's errors over each rival's, the verdict and its rule, as Markdown."""
    lines = [
        f"### {plan.name}: {found.folds}-fold cross-validation by patient, {found.patients:,} patients of {plan.cohort}, seed {plan.seed}",
        "",
        "| engine | levels (patients) | MAPE, % | MdAPE, % | RMSE, mg/L | levels in the 90 % interval, % |",
        "|---|---|---|---|---|---|",
    ]
    for name, score in found.scores.items():
        cells = [figure_words(score.MAPE), figure_words(score.MdAPE), figure_words(score.RMSE_mg_per_L, 2), figure_words(score.coverage_90)]
        lines.append(f"| {name} | {score.levels:,} ({score.patients:,}) | {' | '.join(cells)} |")
    lines += ["", f"| {NEW} over | levels | log-RMSE | MAPE | RMSE | coverage, points | verdict |", "|---|---|---|---|---|---|---|"]
    for each in found.comparisons:
        for what, ratio in (("all", each.all_levels), ("one or more before", each.later_levels)):
            cells = [figure_words(f, 3) for f in (ratio.log_RMSE, ratio.MAPE, ratio.RMSE)]
            verdict = each.verdict if what == "all" else ""
            lines.append(f"| {each.rival} | {what}: {ratio.n:,} | {' | '.join(cells)} | {figure_words(ratio.coverage_difference)} | {verdict} |")
    lines += ["", found.sentence, "", f"Each interval holds 95 % when whole patients are drawn anew. {RULE}"]
    lines += [f"Not answered: {sentence}" for sentence in found.left_out]
    return "\n".join(lines)
