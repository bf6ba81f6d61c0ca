"""How is one model fitted to a cohort: steps on its patients until those held out gain no more, then the encoder alone on what the model dreams.

A model that has an encoder learns with its draws, and the encoder on the way. From scratch the proposals of `proposals` stand in for it until the model has
settled: an encoder that still learns where a patient may be holds back the decoder that learns what patients are like. An encoder that has run away, which
no step brings back, begins again at half the rate.
"""

import copy
import json
import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from jaxtyping import Int
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from pkvae_core.drugs.population import Population, rows
from pkvae_core.vae.bound import Learner, bound, sleep
from pkvae_core.vae.proposals import Proposals

FIT, REFINE, DONE = "fit", "refine", "done"
SAVE_EVERY = 25
CLIP, MOST_SKIPPED = 20.0, 50
LOST = 5  # steps skipped in a row, by which an encoder has run away
FOLLOWING = 3  # steps of the proposals of those held out before each check
STATE = "unfinished.safetensors"


@dataclass(frozen=True)
class Rules:
    """How long and how hard one model is fitted.

    `leash` pulls weights back to where they started (a share of rate x leash at each step): all of them, or from scratch those that bend. `others` is the share
    of the learning rate at which all weights learn that do not merely move the typical patient.
    """

    steps: int
    refine_steps: int
    batch: int
    draws: int
    learning_rate: float
    leash: float
    others: float
    check_every: int
    patience: int
    seed: int

    @property
    def total(self) -> int:
        """Steps where nothing stops early."""
        return self.steps + self.refine_steps

    def learning_rate_at(self, step: int) -> float:
        return self.learning_rate * min(1.0, (step + 1) / 10) * (1 - 0.9 * step / self.steps)


@dataclass(frozen=True)
class Split:
    """Who teaches, and who is held out to say when to stop; `least` is the lowest level (mg/L) that a laboratory reports."""

    population: Population
    taught: Int[Tensor, " teacher"]
    held_out: Int[Tensor, " other"]
    least: float


Report = Callable[[int, dict[str, float]], None]  # steps done, losses: negative bounds in nats a patient


@dataclass
class Fit:
    """One fit on its way; everything that `save` keeps makes an interrupted one go on as if nothing had been."""

    learner: Learner
    rules: Rules
    phase: str = FIT
    step: int = 0
    best: dict[str, Tensor] = field(default_factory=dict)
    best_loss: float = float("inf")
    best_step: int = 0
    train_loss: float = float("nan")
    curve: list[list[float]] = field(default_factory=list)
    skipped: int = 0
    in_a_row: int = 0
    ease: float = 1.0  # share of the learning rate at which the encoder is refined
    proposals: Proposals | None = None  # in the place of the encoder

    def __post_init__(self):
        self.origin = [p.detach().clone() for p in self.learner.parameters()]
        self.leashed = {id(p) for p in (self.learner.bends() if self.proposals else self.learner.parameters())}
        self.optimiser = self._fresh()

    def _fresh(self) -> torch.optim.Optimizer:
        if self.phase != FIT:
            return torch.optim.Adam(self.learner.model.encoder.parameters(), lr=self.rules.learning_rate)
        typical = self.learner.typical()
        mine = {id(p) for p in typical}
        others = [p for p in self.learner.parameters() if id(p) not in mine]
        return torch.optim.Adam([{"params": typical, "share": 1.0}, {"params": others, "share": self.rules.others}])

    @property
    def done(self) -> int:
        """Steps so far, counted as if none had been spared by stopping early."""
        return {FIT: self.step, REFINE: self.rules.steps + self.step, DONE: self.rules.total}[self.phase]

    def run(self, split: Split, save: Callable[["Fit"], None], report: Report) -> None:
        """To the end; `report` may raise to interrupt, after which the last saved state goes on."""
        while self.phase != DONE:
            if self.step % SAVE_EVERY == 0:
                save(self)
            if self.phase == FIT:
                self._fit_step(split)
            else:
                self._refine_step(split)
            report(self.done, {"train": self.train_loss, "held_out": self.best_loss})

    def _seed(self) -> None:
        torch.manual_seed(self.rules.seed * 1_000_003 + self.done)

    def _batch(self, split: Split) -> tuple[Population, Int[Tensor, " teacher"]]:
        index = split.taught[torch.randperm(len(split.taught))[: self.rules.batch]]
        return rows(split.population, index), index

    def _descend(self, loss: Tensor, rate: float) -> None:
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group.get("share", 1.0)
        self.learner.zero_grad(set_to_none=True)
        loss.backward()
        if bool(torch.nn.utils.clip_grad_norm_(self.learner.parameters(), CLIP).isfinite()):
            self.optimiser.step()
            self.in_a_row = 0
            return
        self.in_a_row += 1
        self.skipped += 1  # a curve too steep for single precision; counted in the provenance
        if self.skipped > MOST_SKIPPED:
            raise ValueError("learning breaks down on this cohort: its levels cannot be told from 0 or infinity. Check the units of doses and levels.")

    def _fit_step(self, split: Split) -> None:
        is_last = self.step == self.rules.steps
        if is_last or self.step % self.rules.check_every == 0:
            self._check(split)
            if is_last or self.step - self.best_step >= self.rules.patience * self.rules.check_every:
                self._end_fit()
                return
        self._seed()
        batch, index = self._batch(split)
        proposal = self.proposals.follow(self.learner, batch, index) if self.proposals else None
        found = bound(self.learner, batch, self.rules.draws, proposal)
        mean = found.bound.sum() / len(index)
        self.train_loss = -float(mean.detach()) if self.train_loss != self.train_loss else 0.9 * self.train_loss - 0.1 * float(mean.detach())
        of_encoder = 0.0 if self.proposals else found.wake.sum() / len(index) + sleep(self.learner, batch, split.least).mean()
        rate = self.rules.learning_rate_at(self.step)
        self._descend(-mean + of_encoder, rate)
        self._pull(rate)
        self.step += 1

    def _pull(self, rate: float) -> None:
        """What is leashed goes back towards its origin: the proximal step of a squared penalty; an infinite leash keeps it there."""
        with torch.no_grad():
            for p, origin in zip(self.learner.parameters(), self.origin, strict=True):
                if id(p) in self.leashed:
                    p.copy_(origin + (p - origin) / (1 + rate * self.rules.leash))

    def _check(self, split: Split) -> None:
        """The held-out bound, always with the same draws; the best so far is kept."""
        torch.manual_seed(self.rules.seed)
        with torch.no_grad():
            others, proposal = rows(split.population, split.held_out), None
            for _ in range(FOLLOWING if self.proposals else 0):
                proposal = self.proposals.follow(self.learner, others, split.held_out)  # pyright: ignore[reportOptionalMemberAccess]
            loss = -float(bound(self.learner, others, 4 * self.rules.draws, proposal).bound.mean())
        self.curve.append([self.step, self.train_loss, loss])
        if loss < self.best_loss or not self.best:  # a start whose curves are too steep has no bound: it is at least kept as it came
            self.best_loss, self.best_step = (loss if math.isfinite(loss) else math.inf), self.step
            self.best = {k: v.detach().clone() for k, v in self.learner.state_dict().items()}

    def _end_fit(self) -> None:
        self.learner.load_state_dict(self.best)
        self.phase, self.step = (REFINE if self.rules.refine_steps else DONE), 0
        self.optimiser = self._fresh()

    def _refine_step(self, split: Split) -> None:
        self._seed()
        batch, _ = self._batch(split)
        share = self.step / self.rules.refine_steps
        self._descend(sleep(self.learner, batch, split.least).mean(), self.ease * self.rules.learning_rate * (1 - share))
        self.step += 1
        if self.in_a_row == LOST:
            self.learner.load_state_dict(self.best)  # whose encoder has learned nothing yet
            self.step, self.in_a_row, self.ease, self.optimiser = 0, 0, self.ease / 2, self._fresh()
        if self.step == self.rules.refine_steps:
            self.phase = DONE

    def tensors(self) -> dict[str, Tensor]:
        """Everything that is not in `notes`, by name."""
        found = {f"learner.{k}": v for k, v in self.learner.state_dict().items()} | {f"best.{k}": v for k, v in self.best.items()}
        found |= {f"origin.{i}": v for i, v in enumerate(self.origin)} | {
            f"proposals.{k}": v for k, v in (vars(self.proposals) if self.proposals else {}).items()
        }
        for i, moments in self.optimiser.state_dict()["state"].items():
            found |= {f"optimiser.{i}.{k}": v for k, v in moments.items()}
        return found

    def notes(self) -> dict:
        return {k: getattr(self, k) for k in ("phase", "step", "best_loss", "best_step", "train_loss", "curve", "skipped", "in_a_row", "ease")}

    def restore(self, tensors: dict[str, Tensor], notes: dict) -> None:
        for key, value in notes.items():
            setattr(self, key, value)
        kinds = ("learner", "best", "optimiser", "origin", "proposals")
        of = {kind: {k.removeprefix(f"{kind}."): v for k, v in tensors.items() if k.startswith(f"{kind}.")} for kind in kinds}
        self.learner.load_state_dict(of["learner"])
        self.best, self.origin = of["best"], [of["origin"][str(i)] for i in range(len(of["origin"]))]
        self.proposals = Proposals(**of["proposals"]) if of["proposals"] else None
        self.optimiser = self._fresh()
        moments: dict[int, dict[str, Tensor]] = {}
        for key, value in of["optimiser"].items():
            i, name = key.split(".")
            moments.setdefault(int(i), {})[name] = value
        self.optimiser.load_state_dict(copy.deepcopy(self.optimiser.state_dict()) | {"state": moments})


def write_state(out: Path, tensors: dict[str, Tensor], notes: list[dict]) -> None:
    """An unfinished training as one file, replaced as a whole, so that being killed in the middle of it does no harm."""
    save_file({k: v.detach().contiguous().clone() for k, v in tensors.items()}, out / f"{STATE}.new", metadata={"notes": json.dumps(notes)})
    os.replace(out / f"{STATE}.new", out / STATE)


def read_state(out: Path) -> tuple[dict[str, Tensor], list[dict]]:
    if not (out / STATE).exists():
        raise ValueError(f"{out}: nothing to resume there; start without resuming, or name the folder of an interrupted training.")
    with safe_open(out / STATE, framework="pt") as file:
        return {k: file.get_tensor(k) for k in file.keys()}, json.loads(file.metadata()["notes"])
