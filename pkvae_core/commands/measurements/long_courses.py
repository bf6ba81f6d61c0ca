"""`benchmark --of long-courses`: do courses of months stay exact, and what do they cost? Phenytoin, 120 doses; omalizumab, a year."""

import time
from collections.abc import Callable

import torch
from torch import Tensor

from pkvae_core.drugs.card import DrugCard, load_card
from pkvae_core.drugs.cohorts import COHORTS
from pkvae_core.drugs.population import History, Population, published_responses
from pkvae_core.drugs.published import MODELS
from pkvae_core.inference.mapbayes import heaviest
from pkvae_core.structural.body import Body, changed
from pkvae_core.structural.exponentials import Doses
from pkvae_core.structural.ode import integrate

TITLE = "exactness and time of long courses of drugs that are simulated, under a minute"
COURSES = {"phenytoin": (120, 150.0, 12.0), "omalizumab": (26, 225.0, 336.0)}
PATIENTS, DRAWS, FINER, POINTS, TIMES = 100, 1000, 8.0, 300, 5
SEED_OFFSET = 6_000_000_043


def measure(seed: int, say: Callable[[str], None]) -> dict:
    """Figures of every drug in `COURSES`."""
    return {"seed": seed, "drugs": {drug: _of(load_card(drug), *course, seed, say) for drug, course in COURSES.items()}}


def _of(card: DrugCard, number: int, amount_mg: float, interval_h: float, seed: int, say: Callable[[str], None]) -> dict:
    """The usual steps against `FINER` times as many in double precision, over virtual patients; then the time of one patient's draws."""
    generator = torch.Generator().manual_seed(SEED_OFFSET + seed)
    start = interval_h * torch.arange(number)[None]
    active_mg = card.product(card.typical_regimen.product).active_mg(amount_mg)
    one = Doses(start, torch.full_like(start, active_mg), torch.zeros_like(start), torch.ones_like(start, dtype=torch.long))
    asked = torch.linspace(interval_h / 8, number * interval_h, POINTS)[None]
    body = _bodies(card, PATIENTS, 1, generator)
    usual = _followed(body, one, asked)
    exact = _followed(changed([body], Tensor.double), one, asked, finer=FINER)
    off = (usual / exact - 1).abs().flatten()
    say(f"{card.drug}: {number} doses, at most {100 * float(off.max()):.3f} % off")
    draws, taken = _bodies(card, 1, DRAWS, generator), []
    for _ in range(TIMES):
        began = time.process_time()
        _followed(draws, one, asked)
        taken.append(1e3 * (time.process_time() - began))
    return {
        "doses": number, "hours": number * interval_h, "patients": PATIENTS, "draws": DRAWS,
        "worst_percent": 100 * float(off.max()), "median_percent": 100 * float(off.median()), "milliseconds": sorted(taken)[TIMES // 2],
    }  # fmt: skip


def _followed(body: Body, one: Doses, asked: Tensor, *, finer: float = 1.0) -> Tensor:
    count = len(body.ka)
    doses = Doses(*(getattr(one, name).expand(count, -1) for name in ("time", "amount", "duration", "route")))
    return integrate(body, doses, asked.expand(count, -1), finer=finer)[0]


def _bodies(card: DrugCard, subjects: int, draws: int, generator: torch.Generator) -> Body:
    model = MODELS[heaviest(card)]
    drawn = COHORTS[card.cohort](subjects, {c.name: (c.low, c.high) for c in card.covariates}, generator)
    covariates = torch.stack([drawn[c.name] for c in card.covariates], 1)
    nothing = torch.zeros(subjects, 1)
    doses = Doses(nothing, nothing, nothing, nothing.long())
    blank = Population(covariates, History.none(covariates), doses, nothing, nothing, nothing.bool(), nothing.bool(), nothing)
    now = published_responses(model, card, blank, torch.randn(subjects, draws, len(model.variance), dtype=torch.float64, generator=generator)).now
    assert isinstance(now, Body)
    return now


def markdown(found: dict) -> str:
    """A row for each drug."""
    lines = ["drug | course | worst level, % off | median, % off | 1,000 draws, ms of one core", "--- | --- | --- | --- | ---"]
    for drug, each in found["drugs"].items():
        course = f"{each['doses']} doses, {each['hours'] / 24:.0f} days"
        lines.append(f"{drug} | {course} | {each['worst_percent']:.3f} | {each['median_percent']:.4f} | {each['milliseconds']:.0f}")
    said = f"{PATIENTS} virtual patients a drug, {POINTS} levels each, against {FINER:g} times as many steps in double precision; seed {found['seed']}."
    return "\n".join([said, "", *(f"| {line} |" for line in lines)])
