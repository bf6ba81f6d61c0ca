"""Which column of theirs is which of ours? Common spellings are known; in doubt the question is asked, never answered by a guess."""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from pkvae_core.records.problems import DataError
from pkvae_core.records.units import is_unit, split_unit


@runtime_checkable
class CovariateColumn(Protocol):
    """What this package needs to know of a covariate: the caller's specification has at least these."""

    @property
    def name(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def unit(self) -> str: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...
    @property
    def is_flag(self) -> bool: ...
    @property
    def when_missing(self) -> str: ...
    @property
    def aliases(self) -> Sequence[str]: ...


# Ours, what it means, and the spellings that mean it for certain (letters and digits only).
COLUMNS = {
    "ID": ("patient", "id cid subjid subjectid usubjid patient patientid patid pid subj subject patno patientno patientnumber ptid caseid"),
    "TIME": ("time", "time hours datetime timestamp clock clocktime timeofday"),
    "DATE": ("date", "date dat1 dat2 dat3 day"),
    "AMT": ("amount of a dose", "amt amount dose doseamount doseamt"),
    "RATE": ("infusion rate", "rate infusionrate infrate"),
    "DUR": ("infusion duration", "dur duration tinf infdur infusionduration infusiontime tinfusion infusion"),
    "DV": ("measured level", "dv conc concentration level cp cobs obs observation plasmaconcentration serumconcentration drugconcentration"),
    "EVID": ("kind of event", "evid eventid"),
    "MDV": ("level is missing", "mdv missingdv"),
    "CMT": ("compartment", "cmt compartment adm"),
    "DVID": ("which analyte", "dvid ytype analyte"),
    "ADDL": ("additional doses", "addl additionaldoses"),
    "II": ("dosing interval", "ii tau interval dosinginterval doseinterval"),
    "SS": ("steady state", "ss steadystate"),
    "CENS": ("level is below the limit", "cens censored blq bql bloq"),
    "LLOQ": ("limit of quantification", "lloq loq"),
    "PRODUCT": ("product or route", "product route formulation"),
}  # fmt: skip
COVARIATE_SPELLINGS = {
    "AGE": "age ageyears",
    "SEX": "sex gender sexm male sexf female",
    "WT": "wt weight bw bodyweight wgt tbw",
    "HT": "ht height hgt bodyheight",
    "SCR": "scr creatinine crea creat cr serumcreatinine screat",
    "CRCL": "crcl clcr creatinineclearance ccr",
}
LOOKS_LIKE = {
    "ID": ("pat", "subj", "case", "mrn", "nr", "number"),
    "TIME": ("time", "hour", "zeit", "stunde", "heure", "date", "when"),
    "AMT": ("dos", "amount", "amt", "given"),
    "DV": ("conc", "level", "result", "value", "spiegel", "dv", "mgl", "measured"),
}
DATE_ORDERS = {"dat1": "dmy", "dat2": "ymd", "dat3": "ydm"}


@dataclass(frozen=True)
class ColumnMapping:
    """Which column holds what: `certain` maps our names to theirs, `unsure` to the candidates that a person must choose from (best first, perhaps none).

    `unused` are the columns that nothing was found for; `units` are units written into column names.
    """

    certain: Mapping[str, str]
    unsure: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unused: tuple[str, ...] = ()
    units: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_complete(self) -> bool:
        return not self.unsure


class MappingNeeded(DataError):
    """Some columns must be named by a person: the page shows `mapping` as a step, the command line takes the answer with --map."""

    def __init__(self, mapping: ColumnMapping):
        self.mapping = mapping
        questions = [
            f"{ours} ({meaning(ours)}): " + (f"one of {', '.join(theirs)}?" if theirs else "no column looks like it.")
            for ours, theirs in mapping.unsure.items()
        ]
        example = ", ".join(f'"{ours}": "{theirs[0] if theirs else "..."}"' for ours, theirs in mapping.unsure.items())
        super().__init__(
            f"It is not certain which columns hold what. {' '.join(questions)} "
            f'Name them, on the command line with --map: {{{example}}}; "" says that there is none.'
        )


def meaning(ours: str) -> str:
    """Our column in words."""
    return COLUMNS[ours][0] if ours in COLUMNS else "covariate"


def plain(name: str) -> str:
    """Letters and digits of a column's name, in lower case."""
    return re.sub(r"[^a-z0-9]", "", name.lower().replace("µ", "u"))


def spellings(covariates: Sequence[CovariateColumn]) -> dict[str, tuple[str, ...]]:
    """Our names -> every plain spelling that is certain; our own name first."""
    known = {ours: tuple(words.split()) for ours, (_, words) in COLUMNS.items()}
    for spec in covariates:
        own = [plain(spec.name), *map(plain, spec.aliases), plain(spec.label), *COVARIATE_SPELLINGS.get(spec.name, "").split()]
        known[spec.name] = tuple(dict.fromkeys(own))
    return known


def propose_mapping(header: Sequence[str], covariates: Sequence[CovariateColumn] = (), chosen: Mapping[str, str] | None = None) -> ColumnMapping:
    """What each column of `header` is. `chosen` (our name -> theirs, "" for none) is the caller's word and wins.

    Raises DataError when `chosen` cannot be followed.
    """
    known = spellings(covariates)
    chosen = _followed({ours.upper(): theirs for ours, theirs in (chosen or {}).items()}, header, known)
    certain = {ours: theirs for ours, theirs in chosen.items() if theirs}
    unsure: dict[str, tuple[str, ...]] = {}
    free = [name for name in header if name not in certain.values()]
    for ours, words in known.items():
        if ours in chosen:
            continue
        exact, others = _spelt(words, free, plain(ours))
        found = exact or others
        if len(found) == 1 and _unit_is_known(found[0], ours):
            certain[ours] = found[0]
        elif found:
            unsure[ours] = tuple(found)
    if "TIME" not in certain | unsure | chosen and "DATE" in certain:
        certain["TIME"] = certain.pop("DATE")
    _ask_for_what_is_needed(certain, unsure, chosen, header)
    taken = set(certain.values()) | {name for names in unsure.values() for name in names}
    units = {ours: unit for ours, theirs in certain.items() if (unit := split_unit(theirs)[1]) and is_unit(unit)}
    return ColumnMapping(certain, unsure, tuple(name for name in header if name not in taken), units)


def _followed(chosen: dict[str, str], header: Sequence[str], known: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    for ours, theirs in chosen.items():
        if ours not in known:
            raise DataError(f'The column mapping names "{ours}", which is none of ours. Use {", ".join(known)}.')
        if ours == "TIME" and not theirs:
            raise DataError("The column mapping says that there is no TIME. No dose or level can be read without its time; name the column that holds it.")
        if theirs and theirs not in header:
            raise DataError(f'The column mapping says {ours} is "{theirs}", but the file has no such column. It has {", ".join(header)}.')
    named = [theirs for theirs in chosen.values() if theirs]
    if twice := [theirs for theirs in named if named.count(theirs) > 1]:
        raise DataError(f'The column mapping uses the column "{twice[0]}" twice. Give each of our columns its own.')
    return chosen


def _spelt(words: tuple[str, ...], header: Sequence[str], own: str) -> tuple[list[str], list[str]]:
    """Columns spelt exactly as ours, and columns spelt in another way that we know; a unit at the end of the name does not count."""
    exact = [name for name in header if plain(name) == own]
    exact = exact or [name for name in header if plain(split_unit(name)[0]) == own]
    return exact, [name for name in header if plain(name) in words or plain(split_unit(name)[0]) in words]


def _unit_is_known(name: str, ours: str) -> bool:
    """A name with something else than a unit in brackets is not certain. The brackets of SEX hold its coding."""
    unit = split_unit(name)[1]
    return unit is None or is_unit(unit) or ours == "SEX"


def _ask_for_what_is_needed(certain: dict[str, str], unsure: dict[str, tuple[str, ...]], chosen: Mapping[str, str], header: Sequence[str]) -> None:
    """Puts the columns that no table of patients can do without into `unsure`, with whatever looks like them; levels only if a column looks like them."""
    free = [name for name in header if name not in certain.values()]
    for ours, hints in LOOKS_LIKE.items():
        if ours in certain or ours in unsure or ours in chosen:
            continue
        similar = [
            name for name in free if any(hint in plain(name) for hint in hints) or plain(name) in difflib.get_close_matches(ours.lower(), [plain(name)], 1, 0.7)
        ]
        if similar or ours != "DV":
            unsure[ours] = tuple(similar)
