"""An engine that is exactly right, because it is the published model itself; and ways to make it wrong on purpose."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
import torch

from pkvae_core.checks.engines import Engine
from pkvae_core.drugs.card import DrugCard, load_card
from pkvae_core.drugs.population import Population, published_responses, rows
from pkvae_core.drugs.published import MODELS
from pkvae_core.inference.importance import log_likelihood_of
from pkvae_core.inference.posterior import Diagnostics, Posterior
from pkvae_core.patient import Patient
from pkvae_core.structural.exponentials import Pulses

DIAGNOSTICS = Diagnostics("weighted", 100.0, 100, 0.1, 1.0)


def published_engine(card: DrugCard, *, draws: int = 300, spread: float = 1.0, faster: float = 1.0) -> Engine:
    """Draws of the card's only published model, weighed by the levels: exact. `spread` shrinks its variability, `faster` multiplies its rates."""
    model = MODELS[card.published_models[0].name]

    def believe(patients: Sequence[Patient], seed: int) -> list[Posterior]:
        population = Population.of(card, patients)
        normal = torch.randn(len(patients), draws, len(model.variance), generator=torch.Generator().manual_seed(seed))
        honest = published_responses(model, card, population, spread * normal)
        wrong = Pulses(honest.pulses.amplitude, faster * honest.pulses.rate, honest.pulses.lag)
        responses = replace(honest, pulses=wrong, earlier=tuple(Pulses(p.amplitude, faster * p.rate, p.lag) for p in honest.earlier))
        weight = torch.full((len(patients), draws), 1 / draws, dtype=torch.float64)
        if population.level.shape[1]:
            concentration = responses.curves(population.doses, population.sample_time)[0]
            weight = log_likelihood_of(population, concentration, model.error).double().softmax(1)
        return [
            Posterior(
                card,
                "exact",
                "toy",
                {},
                p,
                rows(responses, slice(i, i + 1)),
                weight[i],
                {model.name: 1.0},
                DIAGNOSTICS,
                lambda patient: believe([patient], 0)[0],
            )
            for i, p in enumerate(patients)
        ]

    return Engine("toy", believe)


@pytest.fixture(scope="session")
def theophylline() -> DrugCard:
    """A card with one published model, swallowed and infused."""
    return load_card("theophylline")


@pytest.fixture(scope="session")
def engine_of() -> Callable[..., Engine]:
    return published_engine
