"""`forecast`: how well would each level in the file have been foreseen?"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, replace

from pkvae_core.checks.accuracy import Figure, summarise, usual_margin
from pkvae_core.checks.engines import Engine, engine_named, vae
from pkvae_core.checks.forecast import LevelForecast, forecast
from pkvae_core.checks.paired import PairedRatio, paired_ratio
from pkvae_core.commands.cases import Row, add_case_flags, answer, in_file_order, model_of, open_cases, say_shared, write_rows
from pkvae_core.commands.changed import changing, eating
from pkvae_core.dosing.claimed import claim_cautions
from pkvae_core.drugs.card import DrugCard, available_drugs
from pkvae_core.inference.posterior import Posterior
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
%, share within a margin (absolute or relative, stated there), coverage of the 90 % interval; and
what the earlier levels brought (Bayesian impact: how much smaller they make the RMSE); in all and by
N_EARLIER (0, 1, 2, 3, 4+, 1+), each with the 95 % interval of a bootstrap over subjects. Per cent
throughout, RMSE in the unit of DV.

--engine says who forecasts: vae (the trained model), map (MAP-Bayes with the card's heaviest
published model; map:NAME for another one) or average (all of them, weighed by how well each explains
the earlier levels). With --model, vae is that model, and the name of a shipped drug is its shipped
model. --against sets a second engine beside it on the same levels: the ratios of their errors, first
over second, go to the terminal and into OUT.json; below 1 the first one is better. Where MAP-Bayes has to assume a covariate, a warning says so."""
EXAMPLES = """\
examples:
  python -m pkvae_core forecast data.csv --drug tobramycin --out forecast.csv
  python -m pkvae_core forecast data.csv --drug tobramycin --out forecast.csv --assume-infusion-h 0.5 --lloq 0.2
  python -m pkvae_core forecast data.csv --drug tobramycin --out forecast.csv --engine vae --against map:hennig2013"""
COLUMNS = ("ID", "TIME", "N_EARLIER", "DV", "PRED", "IPRED", "LO90", "HI90")


def add_flags(parser: argparse.ArgumentParser) -> None:
    add_case_flags(parser)
    parser.add_argument("--engine", default="vae", metavar="NAME", help="vae (default), map, map:<published model> or average")
    parser.add_argument("--against", metavar="NAME", help="a second engine, compared on the same levels")


def run(arguments: argparse.Namespace) -> int:
    cases = open_cases(arguments)
    engine = engine_of(arguments.engine, arguments, cases.card)
    other = engine_of(arguments.against, arguments, cases.card) if arguments.against else None
    forecasts: list[LevelForecast] = []
    opposed: list[LevelForecast] = []
    remarks: list[tuple[str, str]] = []

    def rows_of(record: PatientRecord) -> list[tuple[int, Row]]:
        found = forecast(engine, [record.patient], seed=arguments.seed)
        if other is not None:
            opposed.extend(forecast(other, [record.patient], seed=arguments.seed))
        forecasts.extend(found)
        remarks.extend((record.patient.id, caution) for caution in claims(engine, record))
        return [(place.row, level_row(place.text, level, cases.unit_mg_per_L)) for place, level in zip(record.sample_times, found, strict=True)]

    rows, code = answer(cases, rows_of)
    say_shared((*changing(cases.card, cases.cohort.records), *eating(cases.card, cases.cohort.records), *remarks))
    say_shared((level.patient_id, caution) for level in (*forecasts, *opposed) for caution in level.cautions)
    write_rows(arguments.out, COLUMNS, in_file_order(rows))
    margin = usual_margin(cases.card)
    summaries = summarise(forecasts, unit_mg_per_L=cases.unit_mg_per_L, margin=margin, seed=arguments.seed)
    head = {
        "drug": cases.card.drug,
        "engine": engine.name,
        "model": version(engine, cases.cohort.records),
        "file": arguments.cases.name,
        "seed": arguments.seed,
        "unit": f"per cent; RMSE in {cases.concentration_unit}",
        "margin": asdict(margin),
    }
    document = head | asdict(summaries.pop("all")) | {"by_n_earlier": {group: asdict(summary) for group, summary in summaries.items()}}
    if other is not None:
        document |= {"against": against(engine, other, forecasts, opposed, arguments.seed)}
    arguments.out.with_suffix(".json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return code


def engine_of(word: str, arguments: argparse.Namespace, card: DrugCard) -> Engine:
    """The engine that `word` names; with --model, vae is that model, and a shipped drug's name is its shipped model."""
    if arguments.model is None:
        return engine_named(word, card)
    if word == "vae":
        return vae(model_of(arguments))
    return replace(vae(load_model(word)), name=f"shipped {word}") if word in available_drugs() else engine_named(word, card)


def version(engine: Engine, records: Sequence[PatientRecord]) -> str | None:
    """Which model answered, as its posteriors say."""
    found = engine.each([records[0].patient]) if records else []
    return found[0].version if found and isinstance(found[0], Posterior) else None


def claims(engine: Engine, record: PatientRecord) -> tuple[str, ...]:
    """What is to be said of a steady state that the record claims, before any level is known."""
    if record.claimed is None:
        return ()
    found = engine.each([replace(record.patient, samples=())])[0]
    return claim_cautions(found, record.claimed) if isinstance(found, Posterior) else ()


def against(engine: Engine, other: Engine, ours: Sequence[LevelForecast], theirs: Sequence[LevelForecast], seed: int) -> dict:
    """The ratios of both engines' errors, a priori and a posteriori (of levels with one or more before them), printed and for the document."""
    later = [[f for f in found if f.n_earlier] for found in (ours, theirs)]
    ratios = {
        "a priori": paired_ratio(ours, theirs, view="a_priori", seed=seed),
        "a posteriori": paired_ratio(ours, theirs, seed=seed),
        "a posteriori, one or more earlier levels": paired_ratio(*later, seed=seed),
    }
    print(f"Error of {engine.name} over that of {other.name} (95 % interval when whole subjects are drawn anew):")
    for name, ratio in ratios.items():
        print(f"  {name} ({ratio.n} levels, {ratio.n_subjects} subjects): {ratio_words(ratio)}")
    return {"engine": other.name, **{name: asdict(ratio) for name, ratio in ratios.items()}}


def ratio_words(ratio: PairedRatio) -> str:
    """RMSE of the logarithm, MAPE and RMSE, each with its interval."""

    def words(figure: Figure) -> str:
        known = [value for value in (figure.value, figure.low95, figure.high95) if value is not None]
        return "none" if not known else f"{known[0]:.3f}" + (f" ({known[1]:.3f} to {known[2]:.3f})" if len(known) == 3 else "")

    return f"log-RMSE {words(ratio.log_RMSE)}, MAPE {words(ratio.MAPE)}, RMSE {words(ratio.RMSE)}"


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
