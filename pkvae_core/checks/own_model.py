"""How does a cohort become a model: read with which card, learned into which folder, held against whom?

The folder of a model in the making holds what an interrupted training left, what was asked for, and a digest of the patients (not one row of theirs), so
that it goes on only with the same patients. First the model learns from everybody; then, fold by fold, others learn from all but the held-out ones
(see `adaptation`).
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pkvae_core.checks.adaptation import FOLDS, Rivals, Validation, validate
from pkvae_core.checks.progress import Progress
from pkvae_core.drugs.card import DrugCard, load_card
from pkvae_core.drugs.own import UNSTATED, adapted_card, blank_card, key_of, observed_card
from pkvae_core.drugs.parts import Limit
from pkvae_core.drugs.summary import covariate_distribution
from pkvae_core.patient import Patient
from pkvae_core.residual_error import ResidualError
from pkvae_core.vae.checkpoint import load_model, write_provenance
from pkvae_core.vae.fitting import STATE
from pkvae_core.vae.observed import ObservedSchedule, learn
from pkvae_core.vae.vae import PKVAE

ASKED = "asked.json"
Tick = Callable[[int, int, dict[str, float]], None]  # (done, total, parts of the loss)


@dataclass(frozen=True)
class Plan:
    """What is asked for. `start`: the shipped drug that is adapted, "" from scratch; `beside`: the shipped drug that a model from scratch is compared with;
    `has_peaks`: profiles may have second peaks, so that a model from scratch chooses where to begin.

    `assay_cv_percent`: the laboratory's own error, where it is stated; what a model from scratch misses beyond it widens its bands. `cohort`: what the file was
    called. `folds`: of the cross-validation, 0 for none. `is_fast`: a trial of the way, of no clinical use.
    """

    name: str
    cohort: str
    start: str = ""
    beside: str = ""
    folds: int = FOLDS
    seed: int = 1
    is_fast: bool = False
    assay_cv_percent: float | None = None
    has_peaks: bool = False

    def __post_init__(self):
        key_of(self.name)
        if self.has_peaks and self.start:
            raise ValueError(f"second peaks are looked for by a model from scratch; one that adapts begins where {self.start} is. Ask for one of the two.")
        if self.assay_cv_percent is not None and not 0 < self.assay_cv_percent <= 100:
            raise ValueError(
                f"the laboratory's error is {self.assay_cv_percent:g} %; give a coefficient of variation above 0 and up to 100 %, or leave it out."
            )
        if self.folds and not 2 <= self.folds <= 20:
            raise ValueError(f"{self.folds} folds are asked for; cross-validation takes 2 to 20, or 0 for none.")

    @property
    def rival(self) -> str:
        """The shipped drug that the new model is held against, "" for none."""
        return self.start or self.beside

    @property
    def assay(self) -> ResidualError | None:
        """The laboratory's own error; None where it is not stated."""
        return None if self.assay_cv_percent is None else ResidualError(self.assay_cv_percent / 100, 0.0)

    @property
    def schedule(self) -> ObservedSchedule:
        usual = replace(ObservedSchedule.fast() if self.is_fast else ObservedSchedule(), seed=self.seed)
        return usual.for_peaks() if self.has_peaks and not self.start else usual


def reading_card(plan: Plan, **units) -> DrugCard:
    """The card that the file is read with: a shipped drug's where one is named, else a blank one (`units`: what is said of the file, see `blank_card`)."""
    return load_card(plan.rival) if plan.rival else blank_card(plan.name, **units)


def usable(patients: Sequence[Patient]) -> tuple[Patient, ...]:
    """Those who can teach something: who have a dose and a level."""
    return tuple(p for p in patients if p.doses and p.samples)


def card_of(plan: Plan, patients: Sequence[Patient], **units) -> DrugCard:
    """The card of the new model. Raises ValueError where the patients can teach nothing."""
    known, read_with = usable(patients), reading_card(plan, **units)
    if not known:
        raise ValueError("no patient of this cohort has both a dose and a level; nothing can be learned from it.")
    if plan.start:
        return adapted_card(read_with, known, name=plan.name, cohort=plan.cohort)
    return observed_card(_stripped(plan, read_with), known, cohort=plan.cohort)


def _stripped(plan: Plan, card: DrugCard) -> DrugCard:
    """A shipped card's words and routes for a model that learns from scratch: without its targets, doses, published models and limits."""
    if not plan.beside:
        return card
    blank = blank_card(plan.name, amount_unit=card.amount_unit, concentration_unit=card.concentration_unit, molar_mass_g_per_mol=card.molar_mass_g_per_mol)
    kept = ("products", "covariates", "reporting_units")
    return blank.model_copy(update={name: getattr(card, name) for name in kept} | {"limits": (Limit(text=UNSTATED, unverified=True),)})


def make(plan: Plan, card: DrugCard, patients: Sequence[Patient], out: Path, *, resume: bool = False, tick: Tick) -> PKVAE:
    """Learns from all patients into the folder `out`, which then holds a whole model. `resume` goes on with an interrupted one of the same patients."""
    known = usable(patients)
    if resume:
        _must_be_the_same(out, plan, known)
        if (out / "model.json").exists():
            return load_model(out)
    elif (out / "model.json").exists():
        raise ValueError(f"{out} holds a model already; name another folder, or delete that one first.")
    out.mkdir(parents=True, exist_ok=True)
    (out / ASKED).write_text(json.dumps({**asdict(plan), "patients": digest_of(known)}, indent=1))
    model = learn(card, known, out, start=_start(plan), schedule=plan.schedule, assay=plan.assay, resume=resume and is_begun(out), tick=tick)
    _add(out, model, {"cohort": plan.cohort, "covariates": covariate_distribution(card, known)})
    return model


def is_begun(out: Path) -> bool:
    """Whether an interrupted training left its state in this folder."""
    return (out / STATE).exists()


def is_resumable(out: Path, plan: Plan, patients: Sequence[Patient]) -> bool:
    """Whether `make` with `resume` would go on with what is in this folder: the same patients and settings, the folds excepted."""
    try:
        _must_be_the_same(out, plan, usable(patients))
    except ValueError:
        return False
    return True


def asked(out: Path) -> Plan | None:
    """What was asked for in this folder; None where nothing was."""
    path = out / ASKED
    if not path.exists():
        return None
    return Plan(**{name: value for name, value in json.loads(path.read_text()).items() if name != "patients"})


def _start(plan: Plan) -> PKVAE | None:
    return load_model(plan.start) if plan.start else None


def digest_of(patients: Sequence[Patient]) -> str:
    return hashlib.sha256(repr(tuple(patients)).encode()).hexdigest()[:16]


def _must_be_the_same(out: Path, plan: Plan, patients: Sequence[Patient]) -> None:
    """Raises ValueError where `out` holds nothing to go on with, or another cohort was asked for."""
    before = asked(out)
    if before is None:
        raise ValueError(f"{out.name}: there is nothing to resume; start anew.")
    if json.loads((out / ASKED).read_text())["patients"] != digest_of(patients) or replace(before, folds=plan.folds) != plan:
        raise ValueError(f"the interrupted training of {before.name} had other patients or other settings. Choose the same ones, or start anew.")


def _add(out: Path, model: PKVAE, more: dict) -> None:
    model.provenance = {**model.provenance, **more}
    write_provenance(model.provenance, out)


def hold_out(plan: Plan, card: DrugCard, patients: Sequence[Patient], out: Path, *, progress: Progress) -> Validation:
    """Cross-validates the plan, and writes what was found beside the model in `out`. Folds that were finished before an interruption are not learned again."""
    place = out / "folds"

    def learn_fold(training: Sequence[Patient], fold: int, tick: Progress) -> PKVAE:
        folder = place / str(fold)
        if (folder / "model.json").exists():
            return load_model(folder)
        folder.mkdir(parents=True, exist_ok=True)
        return learn(
            card,
            training,
            folder,
            start=_start(plan),
            schedule=plan.schedule,
            assay=plan.assay,
            resume=is_begun(folder),
            tick=lambda done, total, losses: tick(done, total),
        )

    rivals = Rivals(card, load_model(plan.rival) if plan.rival else None)
    found = validate(learn_fold, usable(patients), rivals, folds=plan.folds, seed=plan.seed, progress=progress)
    if (out / "model.json").exists():
        _add(out, load_model(out), {"validation": found.to_dict()})
    shutil.rmtree(place, ignore_errors=True)
    return found


def validation_of(provenance: dict) -> Validation | None:
    """What the folds showed of a model; None where it was not held against anybody."""
    return Validation.from_dict(provenance["validation"]) if provenance.get("validation") else None
