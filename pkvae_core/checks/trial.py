"""Which dose does an engine choose for virtual patients whose truth is known, and where does it land?

Fresh patients, each with a recorded course, of whom the engine sees the first so many levels. Asked for is the amount, at the card's typical interval and
infusion, that meets the default target; exposures are those of `typical`. The truth asks for the amount that brings the aim. An engine's exact dose is the one
whose median exposure is the aim; the dose given is the available amount of the best score, as on the Dose page. Beside the engines stands the usual dose by
covariates: the available amount nearest to what the published models' typical patient with these covariates would need, which no level changes. The score
weighs toxicity, the usual dose does not: without levels an engine may reach the target more rarely than the usual dose, and exceed the alarm more rarely.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from pkvae_core.checks.accuracy import Figure, figure, subject_weights, weighted_mean, weighted_median
from pkvae_core.checks.engines import Engine
from pkvae_core.checks.expected import stacked
from pkvae_core.checks.levels import Row, figure_cells
from pkvae_core.checks.progress import Progress, silent
from pkvae_core.checks.typical import EXPOSURES, by_amount
from pkvae_core.checks.virtual import Virtual, Wanted, fresh
from pkvae_core.dosing.candidates import candidates
from pkvae_core.dosing.target import Target
from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.population import Population, is_dose_proportional, published_responses
from pkvae_core.drugs.published import MODELS
from pkvae_core.exposure import weighted_quantile
from pkvae_core.inference.posterior import Posterior
from pkvae_core.patient import Patient
from pkvae_core.structural.any_responses import AnyResponses

LEVELS = (0, 1, 2, 4)
USUAL = "usual dose by covariates"
AT_ONCE = 20
SIMULATED_DRAWS = 250  # of equal weight, where every amount is simulated
FARTHEST, HALVINGS = 4.0, 14  # how far beyond the card's amounts an exact dose is looked for; 14 halvings of that leave 0.03 %


@dataclass(frozen=True)
class TrialDose:
    """One patient, one engine: the amount that the truth asks for, the engine's exact one and the available one that it gives (mg as labelled), and the true
    exposure that this brings, in the unit of the target. `is_reachable`: some available amount would bring the true exposure into the target."""

    engine: str
    levels: int
    patient_id: str
    asked_mg: float
    exact_mg: float
    given_mg: float
    true_exposure: float
    is_in_target: bool
    is_toxic: bool
    is_reachable: bool


@dataclass(frozen=True)
class TrialCell:
    """One engine at one number of levels, in per cent of `patients`, with 95 % intervals over patients.

    MdPE, MdAPE, within_20: the exact dose against the dose that the truth asks for. in_target, toxic: the true exposure under the dose given. reachable:
    patients whom some available dose would bring into target. missed (regret): reachable minus in_target. gain: in_target minus that of the usual dose for the
    same patients.
    """

    engine: str
    levels: int
    patients: int
    MdPE: Figure
    MdAPE: Figure
    within_20: Figure
    in_target: Figure
    toxic: Figure
    reachable: Figure
    missed: Figure
    gain: Figure


@dataclass(frozen=True)
class DoseTrial:
    """Every dose, and its figures by engine and number of levels. `left_out` says which patients an engine could not answer about, and why."""

    drug: str
    target: str
    cells: tuple[TrialCell, ...]
    doses: tuple[TrialDose, ...]
    left_out: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """Where the doses land with most levels, with counts."""
        most = max(c.levels for c in self.cells)
        shown = (f"{c.engine} {c.in_target.value or 0:.0f} %" for c in self.cells if c.levels == most)
        best = next(c for c in self.cells if c.levels == most)
        reached = f"some available dose would do so in {best.reachable.value or 0:.0f} %"
        return f"With {most} levels the true {self.target} lands in target in: {', '.join(shown)}; {reached} of {best.patients:,} virtual patients."

    def rows(self) -> tuple[Row, ...]:
        """One line for each engine and number of levels."""
        return tuple(_cell_row(cell) for cell in self.cells)

    def dose_rows(self) -> tuple[Row, ...]:
        """One line for each dose."""
        return tuple(asdict(dose) for dose in self.doses)


@dataclass(frozen=True)
class Question:
    """What is asked: the target, the available amounts (mg as labelled) that the card allows at its typical interval, and the mg that each delivers.

    An amount that is too much for the typical infusion takes a longer one of the card; its exposure is counted at the typical one (the AUC is the same).
    """

    card: DrugCard
    target: Target
    amounts_mg: Float[np.ndarray, " amount"]
    active_mg: Float[np.ndarray, " amount"]

    @classmethod
    def of(cls, card: DrugCard) -> "Question":
        """The default target of the card. Raises ValueError when its exposure is none that virtual patients are asked for."""
        target, typical = Target.from_spec(card.target()), card.typical_regimen
        if target.metric not in EXPOSURES or target.aim is None:
            raise ValueError(f"virtual patients are dosed by {', '.join(EXPOSURES)} with two bounds; the target of {card.name} is another one.")
        product = card.product(typical.product)
        allowed = candidates(card, start_h=0.0, product=typical.product, interval_h=typical.interval_h)
        amounts = np.array(sorted({r.amount_mg for r in allowed if not r.is_continuous}))
        return cls(card, target, amounts, amounts * product.active_mg(1.0) * product.bioavailability)

    def exposures(self, responses: AnyResponses) -> Float[np.ndarray, "subject draw amount"]:
        """The exposure with each available amount, in the unit of the target's bounds."""
        return self._exposures(responses, torch.as_tensor(self.active_mg).float())

    def _exposures(self, responses: AnyResponses, active_mg: Tensor) -> np.ndarray:
        with torch.no_grad():
            return by_amount(self.card, responses, active_mg, (self.target.metric,))[self.target.metric].double().numpy() / self.target.divisor

    def exact_mg(self, responses: AnyResponses, weight: Float[np.ndarray, "subject draw"]) -> Float[np.ndarray, " subject"]:
        """The amount, as labelled, whose median exposure is what the target aims for; where doses do not scale it is halved in on, up to `FARTHEST` times the
        card's amounts."""
        if is_dose_proportional(self.card):
            return (self.target.aim or 0.0) * self.amounts_mg[0] / self._median(responses, weight, np.full(len(weight), self.active_mg[0]))
        low, high = (np.full(len(weight), amount) for amount in (self.amounts_mg[0] / FARTHEST, self.amounts_mg[-1] * FARTHEST))
        for _ in range(HALVINGS):
            middle = np.sqrt(low * high)
            is_low = self._median(responses, weight, middle * self.active_mg[0] / self.amounts_mg[0]) < (self.target.aim or 0.0)
            low, high = np.where(is_low, middle, low), np.where(is_low, high, middle)
        return np.sqrt(low * high)

    def _median(self, responses: AnyResponses, weight: Float[np.ndarray, "subject draw"], active_mg: Float[np.ndarray, " subject"]) -> np.ndarray:
        """Median exposure of each subject with its own amount."""
        found = self._exposures(responses, torch.as_tensor(active_mg).float()[:, None])[..., 0]
        return np.array([float(weighted_quantile(each, own, 0.5)) for each, own in zip(found, weight, strict=True)])

    def is_in(self, exposure: Float[np.ndarray, "..."]) -> Bool[np.ndarray, "..."]:
        """Whether these exposures lie in the target."""
        low, high = (-np.inf if self.target.low is None else self.target.low), (np.inf if self.target.high is None else self.target.high)
        return np.asarray((exposure >= low) & (exposure <= high))

    def is_toxic(self, exposure: Float[np.ndarray, "..."]) -> Bool[np.ndarray, "..."]:
        """Whether they lie above the alarm, which a MIC does not move."""
        return np.asarray(exposure * self.target.divisor > (np.inf if self.target.toxicity_alarm is None else self.target.toxicity_alarm))

    def best(self, exposure: Float[np.ndarray, "draw amount"], weight: Float[np.ndarray, " draw"]) -> int:
        """Which available amount has the best score: probability in target minus the weight of toxicity times the probability above its alarm."""
        return int((weight @ self.is_in(exposure) - self.target.toxicity_weight * (weight @ self.is_toxic(exposure))).argmax())

    def usual_mg(self, patients: Sequence[Patient]) -> Float[np.ndarray, " subject"]:
        """The amount that the published models' typical patients with these covariates need, averaged (as exposures of 1 mg) by the card's weights."""
        card, population, one = self.card, Population.of(self.card, patients), np.ones((len(patients), 1))
        each = []
        for member in card.published_models:
            model = MODELS[member.name]
            typical = published_responses(model, card, population, torch.zeros(len(patients), 1, len(model.variance))).settled()
            each.append(1 / self.exact_mg(typical, one))
        return 1 / np.average(np.stack(each), axis=0, weights=[m.weight for m in card.published_models])


def dose_trial(
    engines: Sequence[Engine],
    card: DrugCard,
    *,
    patients: int = 200,
    levels: tuple[int, ...] = LEVELS,
    is_wanted: Wanted | None = None,
    replicates: int = 1000,
    seed: int = 0,
    progress: Progress = silent,
) -> DoseTrial:
    """Every engine and the usual dose on the same fresh virtual patients, for each number of levels."""
    question, doses, left_out, total = Question.of(card), [], [], len(levels) * patients
    virtual = fresh(card, patients, samples=max(levels), seed=seed, is_wanted=is_wanted)
    for number, count in enumerate(levels):
        seen = replace(virtual, patients=tuple(replace(p, samples=p.samples[:count]) for p in virtual.patients))
        for first in range(0, patients, AT_ONCE):
            some = seen.only(range(first, min(first + AT_ONCE, patients)))
            found, refused = _answers(engines, question, some, count, seed=seed + number * patients + first)
            doses += found
            left_out += refused
            progress(number * patients + first + len(some.patients), total)
    names = (*(engine.name for engine in engines), USUAL)
    cells = tuple(_cell([d for d in doses if d.levels == count], name, count, replicates, seed) for count in levels for name in names)
    return DoseTrial(card.drug, question.target.label, cells, tuple(doses), tuple(left_out))


def _answers(engines: Sequence[Engine], question: Question, virtual: Virtual, levels: int, *, seed: int) -> tuple[list[TrialDose], list[str]]:
    """The doses of all engines for a few patients."""
    truths = _truths(question, virtual)
    doses, left_out = [], []
    for engine in engines:
        found = list(zip(truths, engine.each(virtual.patients, seed=seed), strict=True))
        left_out += [f"{engine.name}, {levels} levels, {true.patient_id}: {why}" for true, why in found if isinstance(why, str)]
        believed = [(true, belief) for true, belief in found if isinstance(belief, Posterior)]
        doses += _chosen(engine.name, levels, question, [true for true, _ in believed], [belief for _, belief in believed])
    for true, exact in zip(truths, question.usual_mg(virtual.patients).tolist(), strict=True):
        doses.append(_dose(USUAL, levels, question, true, exact, int(abs(question.amounts_mg - exact).argmin())))
    return doses, left_out


def _chosen(engine: str, levels: int, question: Question, truths: Sequence["_Truth"], beliefs: Sequence[Posterior]) -> list[TrialDose]:
    """One engine's doses, all patients in one go."""
    if not beliefs:
        return []
    some = beliefs if is_dose_proportional(question.card) else [belief.resampled(SIMULATED_DRAWS) for belief in beliefs]
    responses, weight = stacked([belief.responses.settled() for belief in some]), np.stack([np.asarray(belief.weight, dtype=float) for belief in some])
    exact = question.exact_mg(responses, weight).tolist()
    best = [question.best(each, own) for each, own in zip(question.exposures(responses), weight, strict=True)]
    return [_dose(engine, levels, question, *each) for each in zip(truths, exact, best, strict=True)]


@dataclass(frozen=True)
class _Truth:
    """What one patient's truth asks for, and the true exposure with each available amount."""

    patient_id: str
    asked_mg: float
    exposure: Float[np.ndarray, " amount"]


def _truths(question: Question, virtual: Virtual) -> list[_Truth]:
    truth = virtual.truth.settled()
    asked, exposures = question.exact_mg(truth, np.ones((len(virtual.patients), 1))), question.exposures(truth)[:, 0]
    return [_Truth(patient.id, float(mg), row) for patient, mg, row in zip(virtual.patients, asked, exposures, strict=True)]


def _dose(engine: str, levels: int, question: Question, true: _Truth, exact_mg: float, given: int) -> TrialDose:
    exposure, inside = float(true.exposure[given]), question.is_in(true.exposure)
    toxic = bool(question.is_toxic(true.exposure)[given])
    amount = float(question.amounts_mg[given])
    return TrialDose(engine, levels, true.patient_id, true.asked_mg, exact_mg, amount, exposure, bool(inside[given]), toxic, bool(inside.any()))


def _cell(doses: Sequence[TrialDose], engine: str, levels: int, replicates: int, seed: int) -> TrialCell:
    """`doses` are those of all engines at this number of levels."""
    ours, usual = [d for d in doses if d.engine == engine], {d.patient_id: d for d in doses if d.engine == USUAL}
    weight = subject_weights(range(len(ours)), len(ours), replicates=replicates, seed=seed)
    percent = np.array([100 * (d.exact_mg / d.asked_mg - 1) for d in ours], dtype=float)
    inside, toxic, reachable = (weighted_mean(np.array([100.0 * getattr(d, n) for d in ours]), weight) for n in ("is_in_target", "is_toxic", "is_reachable"))
    before = weighted_mean(np.array([100.0 * usual[d.patient_id].is_in_target for d in ours]), weight)
    within = weighted_mean(100.0 * (abs(percent) <= 20), weight)
    values = (weighted_median(percent, weight), weighted_median(abs(percent), weight), within, inside, toxic, reachable, reachable - inside, inside - before)
    MdPE, MdAPE, within_20, *shares = (figure(v) for v in values)
    return TrialCell(engine, levels, len(ours), MdPE, MdAPE, within_20, *shares)


def _cell_row(cell: TrialCell) -> Row:
    names = [f.name for f in fields(TrialCell) if f.name not in ("engine", "levels", "patients")]
    head: Row = {"engine": cell.engine, "levels": cell.levels, "patients": cell.patients}
    return head | {key: value for name in names for key, value in figure_cells(f"{name}_percent", getattr(cell, name)).items()}
