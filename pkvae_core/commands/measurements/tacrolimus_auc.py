"""How well is tacrolimus' AUC of one interval known from levels at 0, 1 and 3 h, beside MAP-Bayes with the very model that made the patients?"""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from pkvae_core.checks.auc_error import figures, table
from pkvae_core.checks.beliefs import Beliefs
from pkvae_core.checks.contenders import beliefs_of, rivals, weighted
from pkvae_core.checks.typical import unit_exposures
from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.cohorts import COHORTS
from pkvae_core.drugs.population import History, Population, published_responses, rows
from pkvae_core.drugs.published import MODELS
from pkvae_core.structural.exponentials import Doses
from pkvae_core.vae.checkpoint import load_model
from pkvae_core.vae.vae import PKVAE

TITLE = "error of tacrolimus' AUC0-12 from levels at 0, 1 and 3 h"
PATIENTS, CHUNK, DRAWS = 400, 100, 1000
DOSES, AMOUNT_MG, INTERVAL_H = 12, 3.0, 12.0
AFTER_DOSE_H = (-0.02, 1.0, 3.0)  # the first one just before the dose
SEED_OFFSET = 4_000_000_007
ENGINES = {
    "vae": "VAE",
    "mode": "MAP with the generating model",
    "exact": "exact posterior",
    "typical": "typical values, no level",
    "vae, genotype unknown": "VAE, genotype unknown",
}


def measure(seed: int, say: Callable[[str], None]) -> dict:
    """Relative RMSE and bias of the posterior medians (share), and coverage of the 90 % intervals, on virtual patients at steady state."""
    model = load_model("tacrolimus")
    population, truth = _patients(model.card, torch.Generator().manual_seed(SEED_OFFSET + seed))
    found: dict[str, list[Tensor]] = {name: [] for name in ENGINES}
    with torch.no_grad():
        for index in torch.arange(PATIENTS).split(CHUNK):
            say(f"tacrolimus: patients {int(index[0]) + 1} to {int(index[-1]) + 1} of {PATIENTS}")
            some = rows(population, index)
            unknown = replace(some, covariates=torch.where(torch.tensor([c.is_flag for c in model.card.covariates]), torch.nan, some.covariates))
            others = rivals(model.card, some, torch.zeros(len(index), dtype=torch.long), None, seed=seed + int(index[0])).beliefs
            each = {name: others[name] for name in ("mode", "exact")}
            each |= {"vae": _believed(model, some, seed), "vae, genotype unknown": _believed(model, unknown, seed)}
            for name, belief in each.items():
                found[name].append(belief.quantiles("auc24", (0.5, 0.05, 0.95)))
            found["typical"].append(_typical(model.card, some).expand(3, -1))
    found_figures = {name: figures(torch.cat(quantiles, 1), truth) for name, quantiles in found.items()}
    return {"seed": seed, "patients": PATIENTS, "model": model.version, "engines": found_figures}


def _patients(card: DrugCard, generator: torch.Generator) -> tuple[Population, Tensor]:
    """Patients after eleven doses, their three levels around the twelfth, and their true AUC24 at steady state per mg."""
    drawn = COHORTS[card.cohort](PATIENTS, {c.name: (c.low, c.high) for c in card.covariates}, generator)
    covariates = torch.stack([drawn[c.name] for c in card.covariates], 1)
    start = (INTERVAL_H * torch.arange(DOSES)).expand(PATIENTS, -1)
    doses = Doses(start, torch.full_like(start, AMOUNT_MG), torch.zeros_like(start), torch.full(start.shape, card.routes.index("oral")))
    time = (INTERVAL_H * (DOSES - 1) + torch.tensor(AFTER_DOSE_H)).expand(PATIENTS, -1)
    every, none = torch.ones_like(time, dtype=torch.bool), torch.zeros_like(time, dtype=torch.bool)
    blank = Population(covariates, History.none(covariates), doses, time, time, none, every, torch.ones_like(time))
    published = MODELS[card.published_models[0].name]
    normal = torch.randn(PATIENTS, 1, len(published.variance), dtype=torch.float64, generator=generator)
    responses = published_responses(published, card, blank, normal)
    concentration = responses.curves(doses, time)[0][:, 0]
    level = concentration + published.error.sd(concentration) * torch.randn(concentration.shape, generator=generator)
    least = torch.full_like(level, 1e-3)  # 1 ng/mL, the assay's limit in the paper
    is_below = level < least
    truth = unit_exposures(card, responses.pulses, ("auc24",))["auc24"][:, 0].double()
    return replace(blank, level=torch.where(is_below, least, level), is_below_lloq=is_below), truth


def _believed(model: PKVAE, population: Population, seed: int) -> Beliefs:
    return beliefs_of(model, population, weighted(model, population, draws=DRAWS, seed=seed)[0])


def _typical(card: DrugCard, population: Population) -> Tensor:
    """AUC24 per mg of patients whose parameters are the paper's typical ones at these covariates."""
    published = MODELS[card.published_models[0].name]
    responses = published_responses(published, card, population, torch.zeros(len(population.covariates), 1, len(published.variance)))
    return unit_exposures(card, responses.pulses, ("auc24",))["auc24"][:, 0].double()


def markdown(found: dict) -> str:
    """The table, with the margin asked for: half a point over MAP."""
    above = 100 * (found["engines"]["vae"]["rmse"] - found["engines"]["mode"]["rmse"])
    said = f"{found['patients']} virtual patients at steady state, {found['model']}. The VAE's error is {above:+.2f} points from that of MAP."
    return "\n".join([f"### Tacrolimus, AUC0-12 from three levels (seed {found['seed']})", "", *table(found["engines"], ENGINES), "", said])
