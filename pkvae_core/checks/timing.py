"""How long does each engine take for a patient, alone and in a batch, and how long a search through all regimens?"""

import time
from collections.abc import Callable
from statistics import median

import torch

from pkvae_core.checks.contenders import MAP_DRAWS, encoder_alone, weighted, wrong_model
from pkvae_core.dosing.candidates import candidates
from pkvae_core.dosing.recommend import recommend
from pkvae_core.dosing.target import Target
from pkvae_core.drugs.population import Population, rows
from pkvae_core.drugs.published import MODELS
from pkvae_core.drugs.published.model import PublishedModel
from pkvae_core.inference.mapbayes import map_batch
from pkvae_core.inference.mode import find_mode
from pkvae_core.inference.posterior import individualise
from pkvae_core.inference.reference import exact_posterior
from pkvae_core.patient import Covariate, Patient, Regimen
from pkvae_core.vae.vae import PKVAE

ALONE, TOGETHER = 7, 50

Times = dict[str, tuple[float, float]]


def milliseconds(model: PKVAE, population: Population, draws: int, opponent: PublishedModel | None) -> Times:
    """Of each engine: wall time of one patient alone (median of 7), and a patient's share of a batch of up to 50.

    "mode" is the search for the mode alone; "exact" is the reference that the Dose page asks (10,000 draws of each model, no batches): the errors of the table
    rest on fewer draws, placed around the modes.
    """
    card = model.card
    first = card.published_models[0].name

    def one_model(some: Population):
        map_batch(card, some, names=(first,), draws=MAP_DRAWS)

    timed: dict[str, Callable[[Population], object]] = {
        "weighted": lambda some: weighted(model, some, draws=draws, seed=0),
        "encoder": lambda some: encoder_alone(model, some, draws=draws, seed=0),
        "right": one_model,
        "wrong": one_model if opponent is None else lambda some: wrong_model(card, some, opponent, seed=0),
        "average": lambda some: map_batch(card, some, draws=MAP_DRAWS),
        "mode": lambda some: find_mode(MODELS[first], card, some),
    }
    batch = torch.arange(min(TOGETHER, len(population.covariates)))
    alone = [rows(population, batch[i : i + 1]) for i in range(min(ALONE, len(batch)))]
    together = rows(population, batch)
    found = {name: (median(_clock(engine, one) for one in alone), _clock(engine, together) / len(batch)) for name, engine in timed.items()}
    exact = median(_clock(lambda some: exact_posterior(card, some), one) for one in alone[:2])
    return found | {"exact": (exact, exact)}


def _clock(engine: Callable[[Population], object], some: Population) -> float:
    started = time.perf_counter()
    engine(some)
    return 1e3 * (time.perf_counter() - started)


def search_milliseconds(model: PKVAE) -> float:
    """Wall time of ranking every regimen of the card for its typical patient after a day of its typical regimen (median of 3)."""
    card = model.card
    usual = card.typical_regimen
    doses = Regimen(usual.amount_mg, usual.interval_h, usual.infusion_h, product=usual.product).doses(24.0)
    patient = Patient("typical", doses, (), tuple(Covariate(name, value) for name, value in card.typical_patient.items()))
    posterior, regimens = individualise(model, patient), candidates(card, start_h=24.0)
    target = Target.from_spec(card.target())

    def search() -> float:
        started = time.perf_counter()
        recommend(posterior, target, regimens)
        return 1e3 * (time.perf_counter() - started)

    return median(search() for _ in range(3))
