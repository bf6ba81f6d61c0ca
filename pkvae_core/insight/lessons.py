"""Which short cases may a class work on? Each is one TOML file: a patient, a question, its choices, and a debrief whose figures are filled in live."""

import math
import tomllib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pkvae_core.case import Case
from pkvae_core.dosing.current import current_regimen
from pkvae_core.dosing.target import Target
from pkvae_core.drugs.card import DrugCard, load_card
from pkvae_core.patient import Covariate, Dose, Patient, Sample

CASES = Path(__file__).parents[2] / "assets" / "cases"
BEGINS = datetime(2026, 3, 9, 6)  # a Monday; hour 0 of every case


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Choice(_Part):
    """One answer to choose; it is the right one when the engine finds `when`."""

    text: str
    when: str


class _Given(_Part):
    amount_mg: float
    start_h: float = 0
    every_h: float = 24
    count: int = Field(1, ge=1)
    infusion_h: float = 0
    product: str = ""

    def doses(self) -> list[Dose]:
        return [Dose(self.start_h + i * self.every_h, self.amount_mg, self.infusion_h, self.product) for i in range(self.count)]


class _Level(_Part):
    time_h: float
    mg_per_L: float | None = None
    below_mg_per_L: float | None = None

    def sample(self) -> Sample:
        return Sample(self.time_h, self.mg_per_L, self.below_mg_per_L)


class _Change(_Part):
    name: str
    value: float
    time_h: float


class _File(_Part):
    """The file as it is written."""

    order: int
    title: str
    drug: str
    teaches: str
    story: str
    question: str
    asks: str
    answer: str
    debrief: str
    now_h: float
    choices: tuple[Choice, ...] = Field(min_length=2)
    covariates: dict[str, float]
    changes: tuple[_Change, ...] = ()
    doses: tuple[_Given, ...] = ()
    levels: tuple[_Level, ...] = ()
    remedy: tuple[_Level, ...] = ()


@dataclass(frozen=True)
class Lesson:
    """One case for a class. `asks` names what the engine is asked (`facts.FINDINGS`), `answer` what the debrief was written for, `remedy` the case with its
    mistake put right, where there is one. `name` is the file's, and what a link names it by.
    """

    name: str
    order: int
    title: str
    teaches: str
    story: str
    question: str
    choices: tuple[Choice, ...]
    asks: str
    answer: str
    debrief: str
    case: Case
    remedy: Case | None


def lesson_names() -> tuple[str, ...]:
    """Names of the shipped cases, in the order of teaching."""
    return tuple(lesson.name for lesson in lessons())


def lessons() -> tuple[Lesson, ...]:
    """Every shipped case, in the order of teaching."""
    return tuple(sorted(map(read_lesson, sorted(CASES.glob("*.toml"))), key=lambda lesson: lesson.order))


def read_lesson(path: Path) -> Lesson:
    """The case written in the TOML file at `path`. Raises ValueError naming the file, the field and what is wrong with it."""
    try:
        file = _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        return _lesson(path.stem, file)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path.name} is not valid TOML: {error}. Correct that line.") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{path.name}: {'.'.join(map(str, first['loc']))}: {first['msg']}. Correct it.") from error
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from error


def _lesson(name: str, file: _File) -> Lesson:
    if file.answer not in {choice.when for choice in file.choices}:
        raise ValueError(f"no choice is right when the answer is {file.answer!r}. Add one, or correct the answer.")
    card = load_card(file.drug)
    remedy = _case(file, card, file.remedy) if file.remedy else None
    told = {field: getattr(file, field) for field in ("order", "title", "teaches", "story", "question", "choices", "asks", "answer", "debrief")}
    return Lesson(name=name, case=_case(file, card, file.levels), remedy=remedy, **told)


def _case(file: _File, card: DrugCard, levels: tuple[_Level, ...]) -> Case:
    """The patient at the hour at which the question is asked."""
    known = [Covariate(name, value, -math.inf) for name, value in file.covariates.items()]
    later = [Covariate(change.name, change.value, change.time_h) for change in file.changes]
    doses = tuple(dose for given in file.doses for dose in given.doses())
    patient = Patient(file.title, doses, tuple(level.sample() for level in levels), (*known, *later))
    target = Target.from_spec(card.target())
    return Case(
        file.title, file.drug, patient, BEGINS, file.now_h, target, card.concentration_unit, current_regimen(patient), source="Teaching case, synthetic."
    )
