"""How much is one unit of theirs in ours? Conversion happens once, here."""

import re

# Each quantity: unit -> how many of its first unit. Inside we use mg, mg/L, h, kg, cm, years, mL/min.
AMOUNTS = {"mg": 1.0, "g": 1e3, "ug": 1e-3, "ng": 1e-6}
CONCENTRATIONS = {"mg/l": 1.0, "ug/ml": 1.0, "ng/ml": 1e-3, "ug/l": 1e-3, "g/l": 1e3, "mg/dl": 10.0, "mg/ml": 1e3, "ng/l": 1e-6, "pg/ml": 1e-6}
MOLAR = {"mmol": 1.0, "umol": 1e-3, "nmol": 1e-6}
TIMES = {"h": 1.0, "min": 1 / 60, "d": 24.0, "s": 1 / 3600}
QUANTITIES = {
    "weight": {"kg": 1.0, "lb": 0.45359237, "g": 1e-3},
    "length": {"cm": 1.0, "m": 100.0, "in": 2.54, "mm": 0.1},
    "age": {"years": 1.0, "months": 1 / 12, "weeks": 7 / 365.25, "d": 1 / 365.25},
    "clearance": {"ml/min": 1.0, "l/h": 1e3 / 60, "ml/s": 60.0, "l/min": 1e3},
    "albumin": {"g/l": 1.0, "g/dl": 10.0},
    # Molar mass of creatinine 113.12 g/mol: 1 mg/dL is 88.4 umol/L.
    "creatinine": {"mg/dl": 1.0, "umol/l": 1 / 88.4, "mg/l": 0.1, "mmol/l": 1e3 / 88.4},
}
SYNONYMS = {
    "mcg": "ug", "kgs": "kg", "lbs": "lb", "pounds": "lb", "pound": "lb", "inch": "in", "inches": "in", "gram": "g", "grams": "g", "liter": "l", "litre": "l",
    "hr": "h", "hrs": "h", "hour": "h", "hours": "h", "mins": "min", "minute": "min", "minutes": "min", "day": "d", "days": "d", "sec": "s", "seconds": "s",
    "year": "years", "yr": "years", "yrs": "years", "y": "years", "month": "months", "mo": "months", "week": "weeks", "wk": "weeks", "wks": "weeks",
}  # fmt: skip


def canonical(unit: str) -> str:
    """`unit` in our spelling: lower case, u for micro, one slash, whatever the file wrote ("µg/mL", "umol_per_L", "mcg.mL-1")."""
    text = unit.strip().lower().replace("µ", "u").replace("μ", "u").replace(" ", "").strip("()[]")
    text = re.sub(r"[.·*]?(ml|dl|l|h|min)(\^?-1|⁻¹)$", r"/\1", text)
    text = re.sub(r"_?per_?|[_.]", "/", text)
    return "/".join(SYNONYMS.get(part, part) for part in text.split("/") if part)


def _mg_per(unit: str, molar_mass_g_per_mol: float | None, sold: dict[str, float]) -> float:
    """mg (or mg/L) in one `unit`."""
    name = canonical(unit)
    if name in sold:
        return sold[name]
    moles, _, volume = name.partition("/")
    per_litre = {"": sold is AMOUNTS, "l": sold is CONCENTRATIONS, "ml": sold is CONCENTRATIONS}
    if moles in MOLAR and per_litre.get(volume):
        if molar_mass_g_per_mol is None:
            raise ValueError(f"the unit {unit} needs the molar mass of the drug; give it, or use {'mg' if sold is AMOUNTS else 'mg/L'}.")
        return MOLAR[moles] * molar_mass_g_per_mol * (1e3 if volume == "ml" else 1)
    known = "mg, g, ug, ng, umol" if sold is AMOUNTS else "mg/L, ug/mL, ug/L, ng/mL, g/L, umol/L, nmol/L"
    raise ValueError(f"the unit {unit!r} is not known here; use one of {known}.")


def amount_factor(unit: str, molar_mass_g_per_mol: float | None = None) -> float:
    """mg in one `unit` of drug. Raises ValueError for an unknown unit, or a molar one without a molar mass."""
    return _mg_per(unit, molar_mass_g_per_mol, AMOUNTS)


def concentration_factor(unit: str, molar_mass_g_per_mol: float | None = None) -> float:
    """mg/L in one `unit` of concentration. Raises ValueError for an unknown unit, or a molar one without a molar mass."""
    return _mg_per(unit, molar_mass_g_per_mol, CONCENTRATIONS)


def rate_factor(unit: str, molar_mass_g_per_mol: float | None = None) -> float:
    """mg/h in one `unit` of infusion rate, such as mg/h or ug/min. Raises ValueError for an unknown unit."""
    amount, _, time = canonical(unit).partition("/")
    return amount_factor(amount, molar_mass_g_per_mol) / time_factor(time)


def time_factor(unit: str) -> float:
    """Hours in one `unit` of time. Raises ValueError for an unknown unit."""
    if canonical(unit) not in TIMES:
        raise ValueError(f"the unit of time {unit!r} is not known here; use h, min, s or days.")
    return TIMES[canonical(unit)]


def covariate_factor(unit: str, to: str) -> float:
    """How many `to` one `unit` is, where both measure the same thing. Raises ValueError otherwise.

    mg/dL and umol/L meet in creatinine alone: no other covariate of ours is measured in both.
    """
    source, target = canonical(unit), canonical(to)
    if source == target:
        return 1.0
    for factors in QUANTITIES.values():
        if source in factors and target in factors:
            return factors[source] / factors[target]
    raise ValueError(f"{unit} cannot be converted to {to}; convert the column yourself.")


def shown(unit: str) -> str:
    """`unit` as people write it: umol/l is umol/L."""
    return re.sub(r"(?<![a-z])([mdu]?)l(?![a-z])", r"\1L", unit)


def is_unit(text: str) -> bool:
    """Is `text` a unit that one of the functions above knows?"""
    name = canonical(text)
    above, _, below = name.partition("/")
    is_compound = (above in MOLAR and below in ("", "l", "ml")) or (above in AMOUNTS and below in TIMES)
    return is_compound or any(name in factors for factors in (AMOUNTS, CONCENTRATIONS, TIMES, *QUANTITIES.values()))


def split_unit(column: str) -> tuple[str, str | None]:
    """A column's name and the unit written into it: "SCR_umol_L" -> ("SCR", "umol/l"), "WT (lb)" -> ("WT", "lb"), "DV" -> ("DV", None)."""
    if bracket := re.fullmatch(r"(.*?)[\s_]*[\[(](.*)[\])]\s*", column):
        return bracket[1], canonical(bracket[2]) if bracket[2].strip() else None
    parts = re.split(r"([\s_.]+)", column)
    for cut in range(1, len(parts), 2):
        if parts[0] and is_unit("".join(parts[cut + 1 :])):
            return "".join(parts[:cut]), canonical("".join(parts[cut + 1 :]))
    return column, None
