"""How do two decoders get the same lesson? The same virtual patients, the same networks around each, the same processor time.

The decoder that the app ships, "ode", learns as it did for the app: its body is compared with the true one by what tells such a body (see `PKVAE.curve`).
The state-jump flow has no body to compare. It learns from noise-free concentrations of each patient's own course at `POINTS` random hours, which differ by
`curve_sd` on the log scale, what lies below a fiftieth of the highest the less; its teacher reads of the true body what the shipped one's reads.
"""

import copy
import math
import time as clock
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from pkvae_core.checks.decoder_lessons import COURSES
from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.population import Population, VirtualPatients, error_sd, rows, simulate
from pkvae_core.drugs.regimens import average_concentration
from pkvae_core.structural.recirculation import MEALS_H
from pkvae_core.vae.challenger import Challenger
from pkvae_core.vae.state_jump import StateJump
from pkvae_core.vae.train import CLIP, Schedule
from pkvae_core.vae.untrained import CLOCK_H, untrained
from pkvae_core.vae.vae import PKVAE, Parts, hide, objective

POOL, POOLS, POINTS = 8192, 16, 24
FLOOR = 1e-3  # of a typical level: below it, nothing is to be told apart

Say = Callable[[str], None]


@dataclass(frozen=True)
class Lesson:
    """Virtual patients whose covariates stay the same, and their true concentrations (mg/L) at random hours.

    `loose`: how far the logarithm moves there within `CLOCK_H`, of a drug whose doses come at a cliff; else 0. No better need a curve be met."""

    patients: VirtualPatients
    time: Float[Tensor, "subject time"]
    truth: Float[Tensor, "subject time"]
    loose: Float[Tensor, "subject time"]


@dataclass(frozen=True)
class Budget:
    """How much of a lesson is learned: `cpu_s` of gradient steps (simulation, the same for all, is not counted), or where given exactly `steps` of them."""

    cpu_s: float
    steps: int | None = None
    batch: int = 128
    seed: int = 1

    def share(self, used_s: float, step: int) -> float:
        return used_s / self.cpu_s if self.steps is None else step / self.steps


@dataclass(frozen=True)
class Learned:
    """A trained model, what it took, and the last parts of its loss."""

    model: PKVAE
    steps: int
    cpu_s: float
    loss: dict[str, float]


def start(card: DrugCard, family: str, seed: int) -> PKVAE:
    """An untrained model of this family: "ode", the one that the app ships, or "flow", the state-jump flow."""
    shipped = untrained(card, seed=seed)
    if family == "ode":
        return shipped
    scales, latent = shipped.configuration.scales, shipped.configuration.latent
    torch.manual_seed(seed)
    return Challenger(shipped, StateJump(latent, scales.concentration, scales.volume, COURSES[card.drug].flow))


@torch.no_grad()
def lesson(card: DrugCard, count: int, seed: int) -> Lesson:
    """Fresh patients, as training draws them; half of the hours lie soon after a dose (where meals matter, half of these soon after a meal), half anywhere."""
    generator, plan = torch.Generator().manual_seed(seed), COURSES[card.drug]
    patients = simulate(card, count, generator, changing=0.0)
    doses = patients.population.doses
    given = (doses.amount > 0).sum(1, keepdim=True)
    which = (torch.rand(count, POINTS // 2, generator=generator) * given).long()
    begin = doses.time.gather(1, which)
    if plan.flow.has_meals:
        half = POINTS // 4
        begin[:, :half] = begin[:, :half] + torch.tensor(MEALS_H)[torch.randint(len(MEALS_H), (count, half), generator=generator)]
    soon = begin + plan.soon_h * torch.rand(which.shape, generator=generator).square()
    anywhere = (doses.time.gather(1, given - 1) + plan.long_after_h) * torch.rand(count, POINTS - POINTS // 2, generator=generator)
    time = torch.cat([soon, anywhere], 1).clamp(min=0.05)
    truth, loose = patients.responses.curves(doses, time)[0][:, 0], torch.zeros_like(time)
    if plan.flow.has_meals:
        floor = FLOOR * average_concentration(card)
        around = (patients.responses.curves(doses, (time + by).clamp(min=0))[0][:, 0] + floor for by in (CLOCK_H, -CLOCK_H))
        loose = torch.stack([(each / (truth + floor)).log().abs() for each in around]).amax(0)
    return Lesson(patients, time, truth, loose)


def lessons(card: DrugCard, seed: int, say: Say, *, pools: int = POOLS) -> list[Lesson]:
    """All that anybody is taught: `pools` times `POOL` patients."""
    found = []
    for i in range(pools):
        found.append(lesson(card, POOL, seed * 1_000_003 + i))
        say(f"{card.drug}: {(i + 1) * POOL:,} virtual patients simulated")
    return found


def with_new_errors(card: DrugCard, patients: VirtualPatients, generator: torch.Generator) -> Population:
    """The same patients, their levels measured anew."""
    truth = patients.concentration
    lloq = average_concentration(card) * torch.exp(torch.empty(len(truth), 1).uniform_(math.log(0.005), math.log(0.15), generator=generator))
    observed = truth + error_sd(card, patients.model, truth) * torch.randn(truth.shape, generator=generator)
    is_below = observed < lloq
    population = patients.population
    return replace(population, level=torch.where(is_below, lloq, observed), is_below_lloq=is_below & population.is_sample)


def shown(card: DrugCard, taught: list[Lesson], budget: Budget) -> Iterator[tuple[Lesson, Population]]:
    """Batches without end: a part of a lesson, and what the student sees of it, with other errors and other gaps each time round."""
    names, turn = tuple(c.name for c in card.covariates), 0
    while True:
        whole, generator = taught[turn % len(taught)], torch.Generator().manual_seed(budget.seed * 999_983 + turn)
        seen = hide(with_new_errors(card, whole.patients, generator), generator, names)
        for index in torch.randperm(len(whole.time), generator=generator).split(budget.batch):
            yield rows(whole, index), rows(seen, index)
        turn += 1


def course_objective(model: Challenger, part: Lesson, seen: Population, *, curve_sd: float) -> Parts:
    """`objective`, with the misfit counted on the concentrations of the patient's own course."""
    teacher = model.teacher(model.curve(part.patients.responses.now)[:, 0])
    z = teacher.rsample()
    found = model.challenger.level(z[:, None], part.patients.population.doses, part.time)[:, 0]
    drawn, truth = log_level(model, found), log_level(model, part.truth)
    each = (truth,) if model.challenger.flow.has_meals else (drawn, truth)  # where a dose comes at a cliff, a curve that has not begun would excuse itself
    slack = torch.stack([(1 + 0.02 * (some.max(-1, keepdim=True).values - some).exp()).detach() for some in each]).amax(0)
    covariates, none = seen.covariates, z.new_zeros(())
    return Parts(
        reconstruction=0.5 * ((drawn - truth) / torch.hypot(curve_sd * slack, part.loose)).square().sum(-1).mean(),
        student=-model.posterior(seen).log_prob(z).mean(),
        prior=-model.prior(covariates).log_prob(z).mean(),
        entropy=teacher.entropy().mean(),
        member=nn.functional.nll_loss(model.membership(z.detach()[:, None], covariates)[:, 0], part.patients.model),
        pull=0.5 * z.square().sum(-1).mean(),
        change=none,
    )


def log_level(model: PKVAE, concentration: Tensor) -> Tensor:
    return (concentration.clamp(min=0) + FLOOR * model.configuration.scales.concentration).log()


def learn(start: PKVAE, taught: list[Lesson], budget: Budget, say: Say) -> Learned:
    """The average of the weights of `start` after the budget is used up: AdamW and schedule as in `vae.train`."""
    model, average, pace = start, copy.deepcopy(start), Schedule(steps=10_000)
    optimiser = torch.optim.AdamW(model.parameters(), lr=pace.learning_rate, weight_decay=1e-4)
    began, step, parts = clock.process_time(), 0, None
    waiting = 0.0  # spent on preparing what is shown
    stream = shown(model.card, taught, budget)
    while (share := budget.share(clock.process_time() - began - waiting, step)) < 1:
        before = clock.process_time()
        part, seen = next(stream)
        waiting += clock.process_time() - before
        torch.manual_seed(budget.seed * 7919 + step)
        for group in optimiser.param_groups:
            group["lr"] = pace.learning_rate * min(1.0, (step + 1) / 200) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share)))
        curve_sd = pace.curve_sd_at(round(share * pace.steps))
        asked = course_objective(model, part, seen, curve_sd=curve_sd) if isinstance(model, Challenger) else None
        parts = asked or objective(model, part.patients, seen, curve_sd=curve_sd)
        optimiser.zero_grad(set_to_none=True)
        parts.total(beta=1.0).backward()
        _clip(model)
        optimiser.step()
        step += 1
        with torch.no_grad():
            for mean, now in zip(average.parameters(), model.parameters(), strict=True):
                mean.lerp_(now, 1 - min(0.999, step / (step + 9)))
        if step % 100 == 0:
            say(f"{type(model.decoder).__name__} {100 * share:.0f} %, step {step}: " + " ".join(f"{k} {float(v.detach()):.2f}" for k, v in vars(parts).items()))
    assert parts is not None
    return Learned(average.eval(), step, clock.process_time() - began - waiting, {k: float(v.detach()) for k, v in vars(parts).items()})


def _clip(model: PKVAE) -> None:
    """Encoder and all else apart, as in `vae.train`."""
    encoder = set(model.encoder.parameters())
    for group in (list(encoder), [p for p in model.parameters() if p not in encoder]):
        torch.nn.utils.clip_grad_norm_(group, CLIP)
