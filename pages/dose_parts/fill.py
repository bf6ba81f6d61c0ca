"""How does an opened case come into the typing form, so that it can be edited with nothing lost?"""

import math
from typing import Any

from pages.dose_parts.draft import TABLES, replace_fields, replace_rows
from pkvae_core.case import Case
from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.changes import history
from pkvae_core.patient import Covariate, Sample
from pkvae_core.records.covariates import is_derived
from pkvae_core.records.units import concentration_factor
from pkvae_core.wording import plain


def fill(case: Case, card: DrugCard) -> None:
    """Put an opened case into the form: one number for each covariate, and the later values with their dates."""
    given, measured, (known, later) = case.patient.doses, case.patient.samples, _first_and_later(case, card)
    has_seconds = any(case.clock(item.time_h).second for item in (*given, *measured, *later))
    stamp = "%Y-%m-%d %H:%M:%S" if has_seconds else "%Y-%m-%d %H:%M"
    labels = {product.name: product.label for product in card.products} | {"": card.product().label}
    factor = 1 / concentration_factor(case.unit, card.molar_mass_g_per_mol)
    doses = [(f"{case.clock(d.time_h):{stamp}}", plain(d.amount_mg).replace(",", ""), plain(d.infusion_h, 4), labels[d.product]) for d in given]
    levels = [(f"{case.clock(s.time_h):{stamp}}", _level_text(s, factor)) for s in measured]
    for table, typed in (("doses", doses), ("levels", levels)):
        replace_rows(table, [dict(zip(TABLES[table], row, strict=True)) for row in typed])
    moments: dict[str, dict[str, str]] = {}
    for c in later:
        moments.setdefault(f"{case.clock(c.time_h):{stamp}}", {})[c.name] = f"{c.value:.10g}"
    replace_rows("later", [{"When": when} | values for when, values in moments.items()])
    for spec in card.covariates:
        if spec.choices and spec.name in known:
            known[spec.name] = spec.choices[int(known[spec.name])].capitalize()
    replace_fields({"drug": case.drug, "label": case.label, "unit": case.unit, "now": case.clock(case.now_h).replace(tzinfo=None)} | known)


def _first_and_later(case: Case, card: DrugCard) -> tuple[dict[str, Any], list[Covariate]]:
    """What was known when the course began, and what was stated after that, in time. Computed clearances are computed anew."""
    begin = min([item.time_h for item in (*case.patient.doses, *case.patient.samples)], default=case.now_h)
    known, later = {}, []
    for spec in card.covariates:
        stated = [c for c in history(case.patient, spec.name) if not is_derived(c)]
        is_first = bool(stated) and stated[0].time_h in (-math.inf, begin)
        known |= {spec.name: stated[0].value} if is_first else {}
        later += stated[is_first:]
    return known, sorted(later, key=lambda c: c.time_h)


def _level_text(sample: Sample, factor: float) -> str:
    return f"<{(sample.lloq_mg_per_L or 0) * factor:.6g}" if sample.is_below_lloq else f"{(sample.concentration_mg_per_L or 0) * factor:.6g}"
