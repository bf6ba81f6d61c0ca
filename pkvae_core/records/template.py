"""Which table should I fill in?"""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from pkvae_core.records.columns import CovariateColumn
from pkvae_core.records.units import canonical, is_unit, shown

EVENTS = "ID TIME AMT DUR DV EVID".split()
CHANGE = {"SCR": 1.25, "CRCL": 0.8}  # what the second measurement shows: kidneys a fifth weaker
START = datetime(2024, 3, 4, 8)


def template(covariates: Sequence[CovariateColumn], *, typical: Mapping[str, float], amount_mg: float, interval_h: float, infusion_h: float) -> bytes:
    """A CSV with an invented patient to write over: two doses, a level after the second with a creatinine measured anew, a time asked for.

    UTF-8 with the mark that makes Excel read it so. `typical` has a value for some of the covariates; in an empty cell the value before it holds on.
    Units stand in the names of the columns, where `read_patients` finds them.
    """
    names = [f"{spec.name} ({shown(canonical(spec.unit))})" if is_unit(spec.unit) else spec.name for spec in covariates]
    values = [_cell(spec.name, typical.get(spec.name)) for spec in covariates]
    changed = [_cell(spec.name, typical[spec.name] * CHANGE[spec.name]) if spec.name in CHANGE and spec.name in typical else "" for spec in covariates]
    dose = [f"{amount_mg:g}", f"{infusion_h:g}" if infusion_h else "", "", "1"]
    rows = [
        ["example", _clock(0), *dose, *values],
        ["example", _clock(interval_h), *dose],
        ["example", _clock(interval_h + infusion_h + 2), "", "", "10", "0", *changed],
        ["example", _clock(3 * interval_h), "", "", "", "2"],
    ]
    header = [*EVENTS, *names]
    text = io.StringIO()
    csv.writer(text).writerows([header, *(row + [""] * (len(header) - len(row)) for row in rows)])
    return text.getvalue().encode("utf-8-sig")


def _clock(time_h: float) -> str:
    return f"{START + timedelta(hours=time_h):%Y-%m-%d %H:%M}"


def _cell(name: str, value: float | None) -> str:
    if value is None:
        return ""
    return "MF"[value == 0] if name == "SEX" else f"{value:g}"
