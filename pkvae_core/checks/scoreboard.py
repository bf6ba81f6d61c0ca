"""What did the benchmark find, in plain values for the provenance, in rows of words, and as Markdown?"""

import resource
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from pkvae_core.checks.benchmark import Benchmark, Cell
from pkvae_core.checks.contenders import ENGINES, measured
from pkvae_core.checks.coverage import wilson
from pkvae_core.drugs.card import DrugCard
from pkvae_core.inference.reference import LEAST_EFFECTIVE

Row = dict[str, str]
HeldOut = Mapping[str, Any]

EXPOSURES = {"auc24": "AUC24", "trough": "trough", "peak": "peak"}


def summary(found: Benchmark, *, seed: int) -> dict:
    """All figures for the provenance, with the seed that redraws them and the peak memory of this process."""
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    head = {"seed": seed, "peak_memory_MB": round(peak_mb), "opponent": found.opponent, "search_milliseconds": found.search_milliseconds}
    return head | {"falling": found.falling and asdict(found.falling), "cells": [_plain(cell) for cell in found.cells]}


def _plain(cell: Cell) -> dict:
    def named(values: dict) -> dict:
        return {" ".join(key) if isinstance(key, tuple) else key: value for key, value in values.items()}

    return {name: named(value) if isinstance(value, dict) else value for name, value in vars(cell).items()}


def main_metric(card: DrugCard) -> str:
    """The exposure that the short tables are about: that of the card's default target where it is measured."""
    metric = card.main_metric
    return metric if metric in measured(card) else "auc24"


def engine_rows(held_out: HeldOut, metrics: Sequence[str]) -> list[Row]:
    """One row for each number of levels, engine and exposure; what a record does not hold is left empty."""
    return [_engine_row(cell, engine, metric) for cell in held_out["cells"] for metric in metrics for engine in _engines(cell, metric)]


def coverage_ends(held_out: HeldOut) -> dict[str, list[tuple[float, float]]]:
    """For each engine and exposure the 95 % interval of its measured coverage, one for each number of levels: it was measured on so many patients only."""
    cells = held_out["cells"]
    return {key: [wilson(cell["coverage"][key], cell["coverage_patients"]) for cell in cells] for key in cells[0]["coverage"]}


def _engines(cell: HeldOut, metric: str) -> list[str]:
    return [engine for engine in ENGINES if f"{engine} {metric}" in cell["error"]]


def _engine_row(cell: HeldOut, engine: str, metric: str) -> Row:
    key, times = f"{engine} {metric}", cell.get("engine_milliseconds", {"weighted": cell["milliseconds"]})
    is_ladder = engine == "weighted"
    return {
        "Levels": str(cell["levels"]),
        "Engine": ENGINES[engine],
        "Exposure": EXPOSURES[metric],
        "Log-RMSE": f"{cell['error'][key]:.3f}",
        "Ratio to exact (95 %)": _ratio(cell["ratio"].get(key)),
        "Bias": _percent(cell.get("bias", {}).get(key), signed=True),
        "90 % coverage": _percent(cell["coverage"].get(key)),
        "Chance in target lost": _points(cell["lost_probability"].get(engine)),
        "True exposure in target": _percent(cell.get("in_target", {}).get(engine)),
        "ms (alone, in batch)": _times(times.get(engine)),
        "Rungs": ", ".join(f"{rung} {100 * share:.1f} %" for rung, share in cell["rungs"].items()) if is_ladder else "",
    }


def _ratio(found: Sequence[float] | None) -> str:
    return "" if found is None else f"{found[0]:.3f} ({found[1]:.3f} to {found[2]:.3f})"


def _percent(share: float | None, *, signed: bool = False) -> str:
    return "" if share is None else f"{100 * share:+.1f} %" if signed else f"{100 * share:.1f} %"


def _points(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.2f} points"


def _times(found: Sequence[float] | None) -> str:
    return "" if found is None else f"{found[0]:.1f}, {found[1]:.2f}"


def model_rows(held_out: HeldOut, metric: str) -> list[Row]:
    """One row for each generating model and number of levels: the exact mixture's error, and the engines' ratios to it. Empty where the card has one model."""
    rows = []
    cells = [cell for cell in held_out["cells"] if "by_model" in cell]
    for name in dict.fromkeys(name for cell in cells for name in cell["by_model"]):
        for cell in (cell for cell in cells if name in cell["by_model"]):
            found = cell["by_model"][name]
            head = {"Made by": name, "Levels": str(cell["levels"]), "Patients": f"{found['patients']:,}", "Exact, log-RMSE": f"{found[f'exact {metric}']:.3f}"}
            rows.append(head | {ENGINES[e]: _ratio(found[f"{e} {metric}"]) for e in ("weighted", "right", "wrong", "average")})
    return rows


def stratum_rows(held_out: HeldOut) -> list[Row]:
    """Coverage of the 90 % intervals in each group of patients, numbers of levels together and one by one."""
    cells = [cell for cell in held_out["cells"] if "strata" in cell]
    rows = []
    for label in dict.fromkeys(label for cell in cells for label in cell["strata"]):
        each = [cell["strata"].get(label, {"patients": 0}) for cell in cells]
        patients = sum(found["patients"] for found in each)
        for metric in (name for name in max(each, key=len) if name != "patients"):
            pooled = sum(found["patients"] * found[metric] for found in each if found["patients"]) / patients
            row = {"Patients": label, "Exposure": EXPOSURES[metric], "Count": f"{patients:,.0f}", "90 % coverage": _percent(pooled)}
            apart = {f"{cell['levels']} level{'s' * (cell['levels'] != 1)}": _percent(found.get(metric)) for cell, found in zip(cells, each, strict=True)}
            rows.append(row | apart)
    return rows


def falling_sentence(held_out: HeldOut) -> str | None:
    """What happens when kidney function falls by half, or None where it was not measured."""
    found = held_out.get("falling")
    if not found:
        return None
    told, untold = _ratio(found["ratio"]["weighted"]), _ratio(found["ratio"]["unaware"])
    return (
        f"Kidney function falls by half in mid-course, four levels, {found['patients']:,} patients: the next day's AUC is off by "
        f"{found['error']['weighted']:.3f} (log-RMSE), {told} times the exact posterior that knows it; {untold} times when the model is not told. "
        f"Its 90 % intervals hold {_percent(found['coverage'])}."
    )


def _reference_sentence(held_out: HeldOut) -> str:
    """How far the exact posterior itself can be relied on."""
    few, patients = (sum(cell[name] for cell in held_out["cells"]) for name in ("unreliable_references", "patients"))
    return f"The exact posterior has fewer than {LEAST_EFFECTIVE} effective draws for {few:,} of {patients:,} patients, who are counted in."


def search_sentence(held_out: HeldOut) -> str | None:
    found = held_out.get("search_milliseconds")
    return None if found is None else f"Ranking every regimen of the card takes {found:,.0f} ms."


def compact_rows(card: DrugCard, held_out: HeldOut) -> list[Row]:
    """One row for each engine; in each column the figures for the numbers of levels, in their order."""
    metric, cells = main_metric(card), held_out["cells"]
    rows = []
    for engine in (e for e in ENGINES if any(e in _engines(cell, metric) for cell in cells)):
        key = f"{engine} {metric}"
        columns = {
            "log-RMSE": [_digits(c["error"].get(key), 3) for c in cells],
            "ratio to exact": [_digits((c["ratio"].get(key) or [None])[0], 3) for c in cells],
            "bias, %": [_digits(c.get("bias", {}).get(key), 1, 100) for c in cells],
            "90 % coverage, %": [_digits(c["coverage"].get(key), 1, 100) for c in cells],
            "lost, points": [_digits(c["lost_probability"].get(engine), 2, 100) for c in cells],
            "in target, %": [_digits(c.get("in_target", {}).get(engine), 1, 100) for c in cells],
        }
        last = cells[-1].get("engine_milliseconds", {}).get(engine)
        rows.append({"engine": ENGINES[engine]} | {name: " / ".join(each) for name, each in columns.items()} | {"ms alone, in batch": _times(last)})
    return rows


def _digits(value: float | None, digits: int, factor: float = 1.0) -> str:
    return "–" if value is None else f"{factor * value:.{digits}f}"


def table(rows: Sequence[Row]) -> str:
    """Rows of words as a Markdown table."""
    lines = [list(rows[0]), ["---"] * len(rows[0]), *(list(row.values()) for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def markdown(card: DrugCard, held_out: HeldOut, *, is_compact: bool = False) -> str:
    """Everything that was measured, or the short version: one row for each engine, one exposure."""
    metric, levels = main_metric(card), ", ".join(str(cell["levels"]) for cell in held_out["cells"])
    first = held_out["cells"][0]
    sizes = f"{first['patients']:,} patients for each of {levels} levels, {first['coverage_patients']:,} for the VAE's coverage"
    head = f"**{card.name}**: {EXPOSURES[metric] if is_compact else ', '.join(EXPOSURES[m] for m in measured(card))}; {sizes}"
    parts = [head, table(compact_rows(card, held_out)) if is_compact else table(engine_rows(held_out, measured(card)))]
    if by_model := model_rows(held_out, metric):
        parts += ["By the published model that made the patients: ratio of each engine's error to that of the exact mixture.", table(by_model)]
    if strata := stratum_rows(held_out):
        parts += ["Coverage of the VAE's 90 % intervals, group by group.", table(strata)]
    opponent = held_out.get("opponent")
    sentences = [_reference_sentence(held_out), falling_sentence(held_out), search_sentence(held_out), opponent and f"The wrong model: {opponent}."]
    return "\n\n".join([*parts, *(sentence for sentence in sentences if sentence)])
