"""`forecast`: how well would each level in the file have been foreseen?"""

import argparse
import json
from dataclasses import asdict

from pkvae_core.checks.accuracy import summarise
from pkvae_core.checks.engines import vae
from pkvae_core.checks.forecast import LevelForecast, forecast
from pkvae_core.commands.cases import Row, add_case_flags, answer, in_file_order, open_cases, say_shared, write_rows
from pkvae_core.patient import Sample
from pkvae_core.records.history import PatientRecord
from pkvae_core.vae.checkpoint import load_model

HELP = "each level predicted from the doses and levels before it"
DESCRIPTION = """\
Every level is predicted from what was known just before it: doses, levels and covariates of
earlier moments, nothing later. OUT.csv has one row per level, in file order: ID and TIME as
written, N_EARLIER (levels before it), DV, PRED (a priori median: doses and covariates alone),
IPRED (posterior median), LO90 and HI90 (90 % interval of the observation: posterior and
measurement error; 0 where it would fall below zero). A level below the limit of quantification is
written <LLOQ; it has no prediction error but counts in the coverage, in proportion.

OUT.json, beside it, sums up PRED and IPRED: n, MPE, MAPE, MdAPE, RMSE, share within 20 % and 30
%, coverage of the 90 % interval; in all and by N_EARLIER (0, 1, 2, 3, 4+, 1+), each with the 95 %
interval of a bootstrap over subjects. Per cent throughout, RMSE in the unit of DV."""
EXAMPLES = """\
examples:
  python -m pkvae_core forecast data.csv --drug tobramycin --out forecast.csv
  python -m pkvae_core forecast data.csv --drug tobramycin --out forecast.csv --assume-infusion-h 0.5 --lloq 0.2"""
COLUMNS = ("ID", "TIME", "N_EARLIER", "DV", "PRED", "IPRED", "LO90", "HI90")


def add_flags(parser: argparse.ArgumentParser) -> None:
    add_case_flags(parser)


def run(arguments: argparse.Namespace) -> int:
    cases = open_cases(arguments)
    model = load_model(arguments.drug)
    engine = vae(model)
    forecasts: list[LevelForecast] = []

    def rows_of(record: PatientRecord) -> list[tuple[int, Row]]:
        found = forecast(engine, [record.patient], seed=arguments.seed)
        forecasts.extend(found)
        return [(place.row, level_row(place.text, level, cases.unit_mg_per_L)) for place, level in zip(record.sample_times, found, strict=True)]

    rows, code = answer(cases, rows_of)
    say_shared((level.patient_id, caution) for level in forecasts for caution in level.cautions)
    write_rows(arguments.out, COLUMNS, in_file_order(rows))
    summaries = summarise(forecasts, unit_mg_per_L=cases.unit_mg_per_L, seed=arguments.seed)
    head = {
        "drug": arguments.drug,
        "model": model.version,
        "file": arguments.cases.name,
        "seed": arguments.seed,
        "unit": f"per cent; RMSE in {cases.concentration_unit}",
    }
    document = head | asdict(summaries.pop("all")) | {"by_n_earlier": {group: asdict(summary) for group, summary in summaries.items()}}
    arguments.out.with_suffix(".json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return code


def measured(sample: Sample, unit_mg_per_L: float) -> float | str:
    """The level, or "<" and its limit of quantification."""
    if sample.concentration_mg_per_L is not None:
        return sample.concentration_mg_per_L / unit_mg_per_L
    assert sample.lloq_mg_per_L is not None
    return f"<{sample.lloq_mg_per_L / unit_mg_per_L:g}"


def level_row(text: str, level: LevelForecast, unit_mg_per_L: float) -> Row:
    """One row of the answer."""
    found = level.a_posteriori
    expected = (level.a_priori.median_mg_per_L, found.median_mg_per_L, found.low90_mg_per_L, found.high90_mg_per_L)
    DV = measured(level.sample, unit_mg_per_L)
    return dict(zip(COLUMNS, (level.patient_id, text, level.n_earlier, DV, *(value / unit_mg_per_L for value in expected)), strict=True))
