"""How much better does an engine foresee the next level with every level that it has seen?"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

from pkvae_core.checks.accuracy import Accuracy, Figure, Gain, Margin, Summary, summarise
from pkvae_core.checks.engines import Engine
from pkvae_core.checks.forecast import LevelForecast, forecast_each
from pkvae_core.checks.progress import Progress, silent
from pkvae_core.patient import Patient

Row = dict[str, object]


@dataclass(frozen=True)
class LevelAccuracy:
    """Forecasts of every level of a cohort and their summaries by the number of earlier levels (see `summarise`); RMSE in mg/L.

    `left_out` says for each patient without an answer who it is and why.
    """

    engine: str
    margin: Margin
    forecasts: tuple[LevelForecast, ...]
    summaries: dict[str, Summary]
    left_out: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """What earlier levels brought, with counts."""
        seen = self.summaries["1+"]
        counts = f"{len(self.forecasts):,} levels of {self.summaries['all'].n_subjects:,} patients"
        if seen.IPRED.MdAPE.value is None or seen.PRED.MdAPE.value is None:
            return f"{counts}; none of them was measured after an earlier level."
        after = f"Over the {seen.n:,} levels with an earlier one, half lie within {seen.IPRED.MdAPE.value:.0f} % of the forecast"
        return f"{counts}. {after}, against {seen.PRED.MdAPE.value:.0f} % from doses and covariates alone."

    def rows(self) -> tuple[Row, ...]:
        """One line for each number of earlier levels and view, every figure with its 95 % interval."""
        return tuple(row for group, summary in self.summaries.items() for row in _summary_rows(self.engine, group, summary))

    def level_rows(self) -> tuple[Row, ...]:
        """One line for each level."""
        return tuple(_level_row(self.engine, level) for level in self.forecasts)


def level_accuracy(
    engine: Engine, patients: Sequence[Patient], *, margin: Margin, replicates: int = 1000, seed: int = 0, progress: Progress = silent
) -> LevelAccuracy:
    """Every level of every patient forecast from what was known just before it, and how far that was from the level."""
    found = forecast_each(engine, patients, seed=seed, progress=progress)
    left_out = tuple(f"{patient.id}: {each}" for patient, each in zip(patients, found, strict=True) if isinstance(each, str))
    forecasts = tuple(level for each in found if not isinstance(each, str) for level in each)
    return LevelAccuracy(engine.name, margin, forecasts, summarise(forecasts, margin=margin, replicates=replicates, seed=seed), left_out)


def figure_cells(name: str, figure: Figure) -> Row:
    """A figure and its interval as three cells."""
    return {name: figure.value, f"{name}_low95": figure.low95, f"{name}_high95": figure.high95}


def _summary_rows(engine: str, group: str, summary: Summary) -> list[Row]:
    head = {"engine": engine, "earlier_levels": group, "levels": summary.n, "patients": summary.n_subjects, "below_limit": summary.n_blq}
    no_gain = Gain(*(Figure(None, None, None) for _ in fields(Gain)))
    views = (("a priori", summary.PRED, no_gain), ("a posteriori", summary.IPRED, summary.IPRED_against_PRED))
    return [head | {"view": view} | _accuracy_cells(accuracy) | _gain_cells(gain) for view, accuracy, gain in views]


def _accuracy_cells(accuracy: Accuracy) -> Row:
    cells: Row = {}
    for field in fields(Accuracy):
        cells |= figure_cells(field.name + ("_mg_per_L" if field.name == "RMSE" else "_percent"), getattr(accuracy, field.name))
    return cells


def _gain_cells(gain: Gain) -> Row:
    return figure_cells("RMSE_ratio", gain.RMSE_ratio) | figure_cells("bayesian_impact_percent", gain.bayesian_impact)


def _level_row(engine: str, level: LevelForecast) -> Row:
    prior, posterior, sample = level.a_priori, level.a_posteriori, level.sample
    return {
        "engine": engine,
        "patient": level.patient_id,
        "time_h": sample.time_h,
        "earlier_levels": level.n_earlier,
        "level_mg_per_L": sample.concentration_mg_per_L,
        "below_mg_per_L": sample.lloq_mg_per_L if sample.is_below_lloq else None,
        "PRED_mg_per_L": prior.median_mg_per_L,
        "PRED_low90_mg_per_L": prior.low90_mg_per_L,
        "PRED_high90_mg_per_L": prior.high90_mg_per_L,
        "IPRED_mg_per_L": posterior.median_mg_per_L,
        "IPRED_low90_mg_per_L": posterior.low90_mg_per_L,
        "IPRED_high90_mg_per_L": posterior.high90_mg_per_L,
    }
