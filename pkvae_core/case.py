"""Which patient is open, and what is asked: one value that is saved, reopened and hashed."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import TypeAdapter, ValidationError

from pkvae_core.dosing.target import Target
from pkvae_core.patient import Patient, Regimen, Sample
from pkvae_core.records.problems import Problem

DISCLAIMER = "Decision support for trained staff. Not a medical device."
FORMAT = "pkvae-case"
READABLE = (1, 2)


@dataclass(frozen=True)
class Case:
    """The open case: times are hours since `origin`, the clock time of hour 0.

    `origin` is a plain local time, or carries a ZoneInfo when the zone is known; then clocks that change are followed.
    `label` is a pseudonym, `unit` the one levels are reported in, `source` where the data came from, `problems` what was found in them.
    A level that was left out stays among the patient's samples, at trust 0. With `level_half_life_h`, a level of that age counts half.
    """

    schema_version: ClassVar[int] = 2
    label: str
    drug: str
    patient: Patient
    origin: datetime
    now_h: float
    target: Target
    unit: str
    current: Regimen | None = None
    source: str = ""
    problems: tuple[Problem, ...] = ()
    level_half_life_h: float | None = None

    def __post_init__(self):
        if not math.isfinite(self.now_h):
            raise ValueError(f"the case stands at {self.now_h} h; give a number of hours.")
        if self.level_half_life_h is not None and not (math.isfinite(self.level_half_life_h) and self.level_half_life_h > 0):
            raise ValueError(f"levels lose half of their weight in {self.level_half_life_h} h; give a number above 0, or none.")
        if self.origin.tzinfo is not None and not isinstance(self.origin.tzinfo, ZoneInfo):
            raise ValueError(
                f"the case starts at {self.origin.isoformat()}, a fixed distance from UTC; name the time zone, such as Europe/Zurich, or leave it out."
            )

    def clock(self, time_h: float) -> datetime:
        """The local clock time `time_h` hours after the origin, in the case's zone where it has one."""
        if self.origin.tzinfo is None:
            return self.origin + timedelta(hours=time_h)
        return (self.origin.astimezone(UTC) + timedelta(hours=time_h)).astimezone(self.origin.tzinfo)

    def hours(self, moment: datetime) -> float:
        """Hours from the origin to a local clock time; an hour that the clocks repeat is read by `moment.fold` (0: the first).

        Raises ValueError for a zone where the case has none, and for a clock time that the clocks skip.
        """
        zone = self.origin.tzinfo
        if zone is None:
            if moment.tzinfo is not None:
                raise ValueError(f"{moment.isoformat()} names a time zone, but this case has none; give the local time alone.")
            return (moment - self.origin) / timedelta(hours=1)
        there = (moment.replace(tzinfo=zone) if moment.tzinfo is None else moment).astimezone(UTC)
        if moment.tzinfo is None and there.astimezone(zone).replace(tzinfo=None) != moment:
            raise ValueError(f"{moment:%H:%M on %d %b %Y} does not exist in {zone}: the clocks go forward then. Check the time.")
        return (there - self.origin.astimezone(UTC)) / timedelta(hours=1)

    @property
    def patient_as_weighed(self) -> Patient:
        """What a model is given: the record with each level's trust times 0.5^(age/half-life), its age counted back from now."""
        if self.level_half_life_h is None:
            return self.patient
        return replace(self.patient, samples=tuple(replace(s, trust=s.trust * self._age_weight(s.time_h)) for s in self.patient.samples))

    def _age_weight(self, time_h: float) -> float:
        return 1.0 if self.level_half_life_h is None else 0.5 ** (max(0.0, self.now_h - time_h) / self.level_half_life_h)

    def with_level(self, index: int, *, is_used: bool) -> "Case":
        """The same case with this level counted, or left out."""
        samples = list(self.patient.samples)
        samples[index] = replace(samples[index], trust=float(is_used))
        return replace(self, patient=replace(self.patient, samples=tuple(samples)))

    def with_choices_of(self, earlier: "Case") -> "Case":
        """This case, typed anew, with the levels left out that are left out of `earlier`, and its age weight: a level is known by clock time and value."""
        out = [(earlier.clock(s.time_h), s) for s in earlier.left_out]
        samples = tuple(replace(s, trust=0.0) if any(_is_same(self.clock(s.time_h), s, *known) for known in out) else s for s in self.patient.samples)
        return replace(self, patient=replace(self.patient, samples=samples), level_half_life_h=earlier.level_half_life_h)

    @property
    def left_out(self) -> tuple[Sample, ...]:
        """The levels that were left out by hand."""
        return tuple(s for s in self.patient.samples if s.trust == 0)

    @property
    def digest(self) -> str:
        """Twelve hexadecimal digits that change with anything in this case; the key of a cached result."""
        return _digits(self.to_json())

    def to_json(self, *, result: Mapping[str, Any] | None = None) -> str:
        """This case as canonical JSON; `result`, what was computed from it, is kept beside it."""
        return _text({"format": FORMAT, "schema_version": self.schema_version, "case": _content(self)} | ({"result": _plain(result)} if result else {}))

    @classmethod
    def from_json(cls, text: str | bytes) -> "Case":
        """The case that `to_json` wrote, equal in every number. Raises ValueError, in a sentence, when anything is amiss or would be lost."""
        stored = _upgraded(read_document(text))
        case = _case(stored)
        if place := _difference(stored, _content(case)):
            raise ValueError(f"The saved case cannot be opened whole: {place} is missing, or unknown to this version. Open it with the program that saved it.")
        return case


def _is_same(moment: datetime, sample: Sample, known_moment: datetime, known: Sample) -> bool:
    """To the second and to six digits, which is what a form shows."""
    values = [((s.lloq_mg_per_L if s.is_below_lloq else s.concentration_mg_per_L) or 0.0, s.is_below_lloq) for s in (sample, known)]
    (level, is_below), (known_level, was_below) = values
    apart = abs(moment.replace(tzinfo=None) - known_moment.replace(tzinfo=None))
    return is_below == was_below and math.isclose(level, known_level, rel_tol=1e-5) and apart < timedelta(seconds=1)


def read_document(text: str | bytes) -> dict[str, Any]:
    """The top level of a saved case, of a version that we read. Raises ValueError."""
    try:
        document = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"This file is no saved case: it cannot be read as JSON ({error}). Choose a file that PKVAE saved.") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValueError(f"This file is no saved case: it does not say “{FORMAT}”. Choose a file that PKVAE saved.")
    if document.get("schema_version") not in READABLE:
        raise ValueError(
            f"This case was saved in format version {document.get('schema_version')}; this program reads versions {READABLE[0]} to {READABLE[-1]}. "
            "Open it with the program that saved it."
        )
    if not isinstance(document.get("case"), dict):
        raise ValueError("The saved case is empty. Choose another file.")
    return document


def digest_of(document: Mapping[str, Any]) -> str:
    """The digest of a saved case as it was when it was saved, in whichever version; a result beside it does not count."""
    return _digits(_text({key: document[key] for key in ("format", "schema_version", "case")}))


def _digits(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _upgraded(document: dict[str, Any]) -> dict[str, Any]:
    """The stored case in today's format. Version 1 knew only levels that count in full."""
    stored, patient = document["case"], document["case"].get("patient")
    if document["schema_version"] != 1 or not isinstance(patient, dict) or not isinstance(patient.get("samples"), list):
        return stored
    samples = [{"trust": 1} | sample if isinstance(sample, dict) else sample for sample in patient["samples"]]
    return {"level_half_life_h": None} | stored | {"patient": patient | {"samples": samples}}


def _text(document: Mapping[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True, allow_nan=False)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


def _content(case: Case) -> dict[str, Any]:
    """`case` in JSON's own types, with whole numbers written alike and a covariate without a date at null."""
    content = _plain(asdict(replace(case, origin=case.origin.replace(tzinfo=None))))
    if content["patient"]["morning_h"] is None:  # unknown is written as in the files that knew no such hour
        del content["patient"]["morning_h"]
    return content | {
        "origin": case.origin.replace(tzinfo=None).isoformat(),
        "fold": case.origin.fold,
        "time_zone": case.origin.tzinfo and str(case.origin.tzinfo),
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return None if value == -math.inf else int(value) if value.is_integer() else float(value)
    return value


def _revived(value: Any) -> Any:
    """What `_plain` wrote, with the times at null back at minus infinity."""
    if isinstance(value, list):
        return [_revived(item) for item in value]
    if isinstance(value, dict):
        return {key: -math.inf if key == "time_h" and item is None else _revived(item) for key, item in value.items()}
    return value


def _case(stored: dict[str, Any]) -> Case:
    """The case in `stored`, strictly typed."""
    content = {key: value for key, value in _revived(stored).items() if key not in ("fold", "time_zone")}
    try:
        case = TypeAdapter(Case).validate_json(json.dumps(content), strict=True)
        zone = ZoneInfo(stored["time_zone"]) if stored.get("time_zone") else None
        return replace(case, origin=case.origin.replace(tzinfo=zone, fold=stored.get("fold", 0)))
    except ValidationError as error:
        first = error.errors()[0]
        where, what = ".".join(["case", *map(str, first["loc"])]), first["msg"].removeprefix("Value error, ").rstrip(".")
        raise ValueError(f"The saved case is damaged at {where}: {what}. Choose another file.") from error
    except (ZoneInfoNotFoundError, TypeError, ValueError) as error:
        raise ValueError(f"The saved case is damaged at its time zone or fold: {error}. Choose another file.") from error


def _difference(stored: Any, known: Any, place: str = "case") -> str | None:
    """The first place where what was stored is not what we hold."""
    if isinstance(stored, dict) and isinstance(known, dict):
        pairs = [(stored.get(key, _MISSING), known.get(key, _MISSING), f"{place}.{key}") for key in sorted(stored.keys() | known.keys())]
    elif isinstance(stored, list) and isinstance(known, list) and len(stored) == len(known):
        pairs = [(a, b, f"{place}.{i}") for i, (a, b) in enumerate(zip(stored, known, strict=True))]
    else:
        return None if stored == known else place
    return next((found for pair in pairs if (found := _difference(*pair))), None)


_MISSING = object()
