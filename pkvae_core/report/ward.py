"""How does a ward read as a file: one row a patient, the most urgent first?"""

from collections.abc import Sequence

from pkvae_core.dosing.target import Target
from pkvae_core.insight.urgency import NOT_JUDGED, UNANSWERED
from pkvae_core.insight.ward import WardRow
from pkvae_core.patient import Sample
from pkvae_core.report.words import significant
from pkvae_core.wording import regimen_words

COLUMNS = tuple(
    "ID RANK URGENCY P_TOO_HIGH P_TOO_LOW P_IN EXPOSURE_MEDIAN LO90 HI90 EXPOSURE_UNIT BASIS LAST_LEVEL LEVEL_UNIT LAST_LEVEL_H NOW_H CURRENT "
    "AMOUNT_MG INTERVAL_H INFUSION_H BEST BEST_P_IN CHANGE REASON CAUTIONS ENGINE VERDICT MODEL".split()
)


def ward_table(ranked: Sequence[WardRow], target: Target | None, *, unit: str = "mg/L", unit_mg_per_L: float = 1.0) -> list[dict[str, object]]:
    """The rows as `COLUMNS`, numbers as numbers: levels in `unit`, of which one is `unit_mg_per_L`, exposures in the target's own unit."""
    units: dict[str, object] = {"EXPOSURE_UNIT": target and ("ratio to MIC" if target.divisor != 1 else target.unit), "LEVEL_UNIT": unit}
    return [_row(rank, row, units, unit_mg_per_L) for rank, row in enumerate(ranked, 1)]


def _row(rank: int, row: WardRow, units: dict[str, object], unit_mg_per_L: float) -> dict[str, object]:
    known: dict[str, object] = {
        "ID": row.patient_id,
        "RANK": None if row.urgency in (NOT_JUDGED, UNANSWERED) else rank,
        "URGENCY": row.urgency.name,
        "LAST_LEVEL": row.last_level and level_text(row.last_level, unit_mg_per_L).replace(",", ""),
        "LAST_LEVEL_H": row.last_level and row.last_level.time_h,
        "NOW_H": row.now_h,
        "CURRENT": row.current and regimen_words(row.current),
        "REASON": row.reason,
        "CAUTIONS": " ".join(row.cautions),
        "ENGINE": row.engine,
        "VERDICT": row.verdict,
        "MODEL": row.version,
    }
    return {**dict.fromkeys(COLUMNS), **units, **known, **_exposure(row), **_advice(row)}


def _exposure(row: WardRow) -> dict[str, object]:
    if (found := row.exposure) is None:
        return {}
    numbers: dict[str, object] = {"EXPOSURE_MEDIAN": found.median, "LO90": found.low90, "HI90": found.high90, "BASIS": found.basis}
    return numbers | {"P_TOO_HIGH": _share(found.chances.too_high), "P_TOO_LOW": _share(found.chances.too_low), "P_IN": _share(found.chances.in_target)}


def _advice(row: WardRow) -> dict[str, object]:
    if (found := row.advice) is None:
        return {}
    best = found.regimen
    amounts: dict[str, object] = {"AMOUNT_MG": best.amount_mg, "INTERVAL_H": best.interval_h, "INFUSION_H": best.infusion_h}
    return amounts | {"BEST": regimen_words(best), "BEST_P_IN": _share(found.probability_in), "CHANGE": found.change}


def _share(probability: float | None) -> float | None:
    """A thousand draws know no more than four decimals."""
    return None if probability is None else round(probability, 4)


def level_text(sample: Sample, unit_mg_per_L: float = 1.0) -> str:
    """16.4, or <0.5 where the laboratory reported "below"."""
    value = sample.lloq_mg_per_L if sample.is_below_lloq else sample.concentration_mg_per_L
    return f"{'<' if sample.is_below_lloq else ''}{significant((value or 0.0) / unit_mg_per_L)}"
