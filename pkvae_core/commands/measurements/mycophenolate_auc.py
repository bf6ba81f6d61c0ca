"""How well is mycophenolate's AUC0-12 of a morning known from levels at 0, 0.5 and 2 h, beside the exact posterior and MAP with the generating model?"""

from collections.abc import Callable
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from pkvae_core.checks.auc_error import figures, table
from pkvae_core.checks.beliefs import Beliefs
from pkvae_core.checks.contenders import weighted
from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.cohorts import COHORTS
from pkvae_core.drugs.population import History, Population, published_responses, rows
from pkvae_core.drugs.published import MODELS
from pkvae_core.inference.mapbayes import find_modes, map_batch
from pkvae_core.structural.any_responses import AnyResponses
from pkvae_core.structural.exponentials import Doses
from pkvae_core.vae.checkpoint import load_model
from pkvae_core.vae.vae import PKVAE

TITLE = "error of mycophenolate's AUC0-12 from levels at 0, 0.5 and 2 h"
PATIENTS, CHUNK, DRAWS, EXACT_DRAWS = 400, 50, 1000, 2500
MORNING_H, INTERVAL_H, AMOUNT_MG = 96.0, 12.0, 500.0
AFTER_DOSE_H = (-0.02, 0.5, 2.0)  # the first one just before the dose
LEAST_MG_PER_L = 0.1
SEED_OFFSET = 4_000_000_007
ENGINES = {"vae": "VAE", "mode": "MAP with the generating model", "exact": "exact posterior", "typical": "typical values, no level"}


def measure(seed: int, say: Callable[[str], None]) -> dict:
    """Relative RMSE and bias of the medians (share), and coverage of the 90 % intervals, on virtual patients on the fifth day."""
    model = load_model("mycophenolate")
    population, truth = _patients(model.card, torch.Generator().manual_seed(SEED_OFFSET + seed))
    found: dict[str, list[Tensor]] = {name: [] for name in ENGINES}
    with torch.no_grad():
        for index in torch.arange(PATIENTS).split(CHUNK):
            say(f"mycophenolate: patients {int(index[0]) + 1} to {int(index[-1]) + 1} of {PATIENTS}")
            for name, belief in _asked(model, rows(population, index), seed + int(index[0])).items():
                found[name].append(belief.quantiles("auc", (0.5, 0.05, 0.95)))
    each = {name: figures(torch.cat(quantiles, 1), truth) for name, quantiles in found.items()}
    return {"seed": seed, "patients": PATIENTS, "model": model.version, "engines": each}


def _patients(card: DrugCard, generator: torch.Generator) -> tuple[Population, Float[Tensor, " subject"]]:
    """Patients with three levels around the first dose of the fifth day, and the true AUC of the twelve hours after it."""
    drawn = COHORTS[card.cohort](PATIENTS, {c.name: (c.low, c.high) for c in card.covariates}, generator)
    covariates = torch.stack([drawn[c.name] for c in card.covariates], 1)
    start = torch.arange(0, MORNING_H + 1, INTERVAL_H).expand(PATIENTS, -1)
    amount = torch.full_like(start, card.product().active_mg(AMOUNT_MG))
    doses = Doses(start, amount, torch.zeros_like(start), torch.full(start.shape, card.routes.index("oral")))
    time = (MORNING_H + torch.tensor(AFTER_DOSE_H)).expand(PATIENTS, -1)
    every, none = torch.ones_like(time, dtype=torch.bool), torch.zeros_like(time, dtype=torch.bool)
    blank = Population(covariates, History.none(covariates), doses, time, time, none, every, torch.ones_like(time))
    published = MODELS[card.published_models[0].name]
    responses = published_responses(published, card, blank, torch.randn(PATIENTS, 1, len(published.variance), dtype=torch.float64, generator=generator))
    concentration = responses.curves(doses, time)[0][:, 0]
    level = concentration + published.error.sd(concentration) * torch.randn(concentration.shape, generator=generator)
    least = torch.full_like(level, LEAST_MG_PER_L)
    is_below = level < least
    return replace(blank, level=torch.where(is_below, least, level), is_below_lloq=is_below), _auc(responses, doses)[:, 0].double()


def _auc(responses: AnyResponses, doses: Doses) -> Float[Tensor, "subject draw"]:
    """AUC (mg h/L) of the twelve hours after the last dose."""
    area = responses.curves(doses, torch.tensor([MORNING_H, MORNING_H + INTERVAL_H]).expand(len(doses.time), -1))[1]
    return area[..., 1] - area[..., 0]


def _asked(model: PKVAE, population: Population, seed: int) -> dict[str, Beliefs]:
    card, published = model.card, MODELS[model.card.published_models[0].name]
    drawn, modes = weighted(model, population, draws=DRAWS, seed=seed)[0], find_modes(card, population)
    exact = map_batch(card, population, draws=EXACT_DRAWS, seed=seed, modes=modes)
    mode = modes[published.name]
    around = torch.randn(DRAWS, mode.normal.shape[1], dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    normals = {"mode": mode.normal[:, None] + around @ mode.scale.transpose(1, 2), "typical": torch.zeros_like(mode.normal)[:, None]}
    found = {name: published_responses(published, card, population, normal) for name, normal in normals.items()}
    weighed = {"vae": (model.responses(drawn.z, population), drawn.log_weight.double().softmax(-1)), "exact": (exact.responses, exact.weight)}
    weighed |= {name: (each, torch.full((len(mode.normal), normals[name].shape[1]), 1 / normals[name].shape[1])) for name, each in found.items()}
    return {name: Beliefs({"auc": _auc(responses, population.doses)}, weight) for name, (responses, weight) in weighed.items()}


def markdown(found: dict) -> str:
    """The table, and how far the VAE is from the exact posterior."""
    above = 100 * (found["engines"]["vae"]["rmse"] - found["engines"]["exact"]["rmse"])
    said = f"{found['patients']} virtual patients on the fifth day, {found['model']}. The VAE's error is {above:+.2f} points from the exact posterior's."
    return "\n".join([f"### Mycophenolate, AUC0-12 from three levels (seed {found['seed']})", "", *table(found["engines"], ENGINES), "", said])
