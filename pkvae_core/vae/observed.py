"""What can be learned from observed patients alone, sparse and irregular as they come, or how does a shipped model adapt to them?

A cohort of some hundred patients with a few levels each does not pin its population down, so from scratch not one model is learned but an ensemble: each
member has its own start and its own patients held out to say when to stop. Curves that are not quite of the right shape show in the residual error: where the
laboratory's own is stated, the rest of it widens what is believed of the truth. In a small cohort with many levels each, most starts draw two peaks of a
patient as one: there the starts can be chosen first (see `auditions`).

A shipped model that adapts moves its typical patient and its residual error, and all else a hundred times more slowly, on a leash to what it was. That is done
several times, each with another part of the patients held out to say when to stop, which is at once where nothing gains; their weights, which lie close
together, are averaged. So a cohort that says little changes little.
"""

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch

from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.derived import complete
from pkvae_core.drugs.occasions import by_visit
from pkvae_core.drugs.population import Population
from pkvae_core.patient import Patient
from pkvae_core.residual_error import ResidualError
from pkvae_core.vae.auditions import STEPS, chosen
from pkvae_core.vae.bound import Learner
from pkvae_core.vae.checkpoint import save_cohort_model
from pkvae_core.vae.first_guess import GUESSES
from pkvae_core.vae.fitting import STATE, Fit, Report, Rules, Split, read_state, write_state
from pkvae_core.vae.observed_model import Ensemble
from pkvae_core.vae.observed_start import blank, blanks
from pkvae_core.vae.proposals import Proposals
from pkvae_core.vae.vae import PKVAE

LEAST_PATIENTS = 10
Tick = Callable[[int, int, dict[str, float]], None]  # done, total, losses (negative bounds, nats a patient); may raise to interrupt


@dataclass(frozen=True)
class ObservedSchedule:
    """How a model is learned from a cohort: from scratch by `members` small models, each from its own start or, where there are any, from the best of
    so many `starts`, `straightness` being the leash on what bends them; or adapted, in as many `folds`, of `adapting_steps`, on a `leash`."""

    members: int = 6
    starts: int = 0
    steps: int = 200
    refine_steps: int = 200
    batch: int = 512
    draws: int = 8
    learning_rate: float = 1e-2
    straightness: float = 5.0
    folds: int = 4
    adapting_steps: int = 160
    adapting_batch: int = 128
    adapting_draws: int = 16
    adapting_rate: float = 5e-3
    others: float = 0.01
    leash: float = 3.0
    held_out: float = 0.15
    check_every: int = 20
    patience: int = 8
    latent: int = 5
    arrivals: int = 4
    terms: int = 2
    stages: int = 2
    width: int = 48
    seed: int = 1

    @classmethod
    def fast(cls) -> "ObservedSchedule":
        """A minute is too long for a test."""
        return cls(members=2, steps=20, refine_steps=5, batch=32, folds=2, adapting_steps=10, adapting_batch=32, adapting_draws=8, check_every=5, width=16)

    def for_peaks(self) -> "ObservedSchedule":
        """For rich profiles that may have second peaks: few members, from the best of all starts."""
        return replace(self, members=min(self.members, 4), starts=GUESSES)

    def rules(self, member: int, is_adapting: bool) -> Rules:
        of = {"check_every": self.check_every, "patience": self.patience, "seed": 1000 * self.seed + member}
        if is_adapting:
            size = {"batch": self.adapting_batch, "draws": self.adapting_draws, "learning_rate": self.adapting_rate}
            return Rules(steps=self.adapting_steps, refine_steps=0, leash=self.leash, others=self.others, **size, **of)
        size = {"batch": self.batch, "draws": self.draws, "learning_rate": self.learning_rate}
        return Rules(steps=self.steps, refine_steps=self.refine_steps, leash=self.straightness, others=1.0, **size, **of)


def untold(done: int, total: int, losses: dict[str, float]) -> None:
    """Tells nobody."""


def learn(
    card: DrugCard,
    patients: Sequence[Patient],
    out: Path,
    *,
    start: PKVAE | None = None,
    schedule: ObservedSchedule | None = None,
    assay: ResidualError | None = None,
    resume: bool = False,
    tick: Tick = untold,
) -> PKVAE:
    """The model of these patients, written into `out`: adapted from `start` where there is one, else from levels, doses and covariates alone.

    From scratch, `assay` is the laboratory's own error where it states one: what the learned residual error has beyond it is the model's misfit.

    What `tick` raises passes through; the state then in `out` lets `resume` go on to the same model as an uninterrupted learning. Raises ValueError where the
    patients are too few, `start` knows other covariates, or where there is nothing to resume. Of an ensemble, the first member adapts.
    """
    schedule = schedule or ObservedSchedule()
    if schedule.starts and not schedule.members <= schedule.starts <= GUESSES:
        raise ValueError(f"{schedule.starts} starts are asked for; give {schedule.members} to {GUESSES}, or 0 for each member its own.")
    useful = [p for p in (complete(card, patient) for patient in patients) if p.doses and any(s.trust > 0 for s in p.samples)]
    if len(useful) < LEAST_PATIENTS:
        raise ValueError(f"{len(useful)} patients have doses and levels; at least {LEAST_PATIENTS} are needed to learn anything. Upload more patients.")
    if start and [c.name for c in start.card.covariates] != [c.name for c in card.covariates]:
        raise ValueError(f"{start.card.name} was made with other covariates than the card {card.name}; adapt it with its own card, or learn from scratch.")
    out.mkdir(parents=True, exist_ok=True)
    population = Population.of(card, [visit for patient in useful for visit in by_visit(card, patient)])  # z is the body of one visit
    members = _members(card, population, out, start, schedule, resume, tick)
    models = [_finished(fit) for fit in ([_averaged(members)] if start else members)]
    models = models if start else _alike(models)
    if assay and not start:
        for one in models:
            one.configuration = replace(one.configuration, misfit=misfit_of(one.errors[0], assay, one.configuration.scales.concentration))
    model = models[0] if len(models) == 1 else Ensemble(models)
    training = {
        "origin": "adapted" if start else "scratch",
        "start": start.version if start else None,
        "patients": len(useful),
        "levels": int(population.is_sample.sum()),
        "schedule": asdict(schedule),
        "steps": [fit.best_step for fit in members],
        "skipped_steps": sum(fit.skipped for fit in members),
        "held_out_bound": [-fit.best_loss for fit in members],
    }
    save_cohort_model(model, out, training=training, curves=[fit.curve for fit in members])
    (out / STATE).unlink(missing_ok=True)
    return model.eval().requires_grad_(False)


def _members(card: DrugCard, population: Population, out: Path, start: PKVAE | None, schedule: ObservedSchedule, resume: bool, tick: Tick) -> list[Fit]:
    """Each member's fit, one after the other; those finished before an interruption are read again."""
    tensors, notes = read_state(out) if resume else ({}, [])
    count = schedule.folds if start else schedule.members
    each = schedule.rules(0, start is not None).total
    before = 0 if start else STEPS * schedule.starts
    total = before + count * each
    first = _firsts(card, population, start, schedule, lambda done, losses: tick(done, total, losses))
    fits: list[Fit] = []
    for i in range(count):
        torch.manual_seed(1000 * schedule.seed + i)
        proposals = None if start else Proposals.of(len(population.covariates), schedule.latent)
        fit = Fit(Learner(first(i)), schedule.rules(i, start is not None), proposals=proposals)
        split = _split(population, schedule, i, start is not None)
        if i < len(notes):
            fit.restore({k.removeprefix(f"{i}:"): v for k, v in tensors.items() if k.startswith(f"{i}:")}, notes[i])
        earlier = list(fits)

        def save(now: Fit, earlier: list[Fit] = earlier) -> None:
            state = [*earlier, now]
            table = {f"{j}:{k}": v for j, one in enumerate(state) for k, v in one.tensors().items()}
            write_state(out, table, [one.notes() for one in state])

        fit.run(split, save, lambda done, losses, i=i: tick(before + i * each + done, total, losses))
        fits.append(fit)
    return fits


def _firsts(card: DrugCard, population: Population, start: PKVAE | None, schedule: ObservedSchedule, report: Report) -> Callable[[int], PKVAE]:
    """What each member begins as. Auditions are held again where learning is resumed: they come to the same choice."""
    if start is not None:
        return lambda member: _adaptable(start, card)
    card = card.model_copy(update={"published_models": ()})
    sizes = {name: getattr(schedule, name) for name in ("latent", "arrivals", "terms", "stages", "width")}
    if not schedule.starts:
        return lambda member: blank(card, population, **sizes)
    torch.manual_seed(1000 * schedule.seed - 1)
    starts = chosen(blanks(card, population, schedule.starts, **sizes), population, schedule.rules(0, False), schedule.members, report)
    return starts.__getitem__


def _adaptable(start: PKVAE, card: DrugCard) -> PKVAE:
    model = copy.deepcopy(start.members[0])
    model.card = card
    return model.train().requires_grad_(True)


def _split(population: Population, schedule: ObservedSchedule, member: int, is_adapting: bool) -> Split:
    """Another part of the patients held out for each member."""
    subjects = len(population.covariates)
    if is_adapting:
        is_out = (torch.arange(subjects) + schedule.seed) % max(2, schedule.folds) == member
    else:
        others = max(2, round(schedule.held_out * subjects))
        order = torch.randperm(subjects, generator=torch.Generator().manual_seed(7919 * schedule.seed))
        is_out = torch.zeros(subjects, dtype=torch.bool).index_fill(0, order.roll(-member * others)[:others], True)
    return Split(population, (~is_out).nonzero()[:, 0], is_out.nonzero()[:, 0], float(population.level[population.is_sample].min()))


def _averaged(fits: Sequence[Fit]) -> Fit:
    """The first of these fits of one start, with the mean of all their weights."""
    states = [fit.learner.state_dict() for fit in fits]
    fits[0].learner.load_state_dict({name: torch.stack([state[name].double() for state in states]).mean(0) for name in states[0]})
    return fits[0]


def _finished(fit: Fit) -> PKVAE:
    model = fit.learner.model
    model.configuration = replace(model.configuration, errors=fit.learner.errors())
    return model


def misfit_of(learned: ResidualError, assay: ResidualError, level_mg_per_L: float) -> float:
    """What a learned residual error has beyond the laboratory's, as the sd of log(truth/curve) at a typical level: that much the curves themselves are wrong.

    sqrt((b^2 - b0^2)+ + ((a^2 - a0^2)+ / level^2)), errors a + b C of the model and a0 + b0 C of the laboratory, each part at least 0.
    """
    proportional = max(learned.proportional**2 - assay.proportional**2, 0.0)
    additive = max(learned.additive_mg_per_L**2 - assay.additive_mg_per_L**2, 0.0)
    return math.sqrt(proportional + additive / level_mg_per_L**2)


def _alike(models: Sequence[PKVAE]) -> list[PKVAE]:
    """The same models with one residual error, the geometric mean of theirs: the assay is one."""
    logs = torch.tensor([model.configuration.errors for model in models]).double().log().mean(0).exp()
    errors = tuple((float(p), float(a)) for p, a in logs)
    for model in models:
        model.configuration = replace(model.configuration, errors=errors)
    return list(models)
