"""What does a population model fitted to a cohort believe about a patient? MAP-Bayes with a model that is not on the card."""

from collections.abc import Sequence

import torch

from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.derived import complete
from pkvae_core.drugs.population import Population, rows
from pkvae_core.drugs.published.model import PublishedModel
from pkvae_core.inference.mapbayes import Individual, individual
from pkvae_core.inference.mode import find_mode
from pkvae_core.inference.posterior import Diagnostics, Posterior
from pkvae_core.patient import Patient


def believe(model: PublishedModel, card: DrugCard, patients: Sequence[Patient], *, draws: int, seed: int) -> list[Posterior]:
    """MAP-Bayes with this model, whether or not it is on the card. Raises ValueError where a covariate that it uses is unknown."""
    completed = [complete(card, patient) for patient in patients]
    for patient in completed:
        if unknown := [name for name in model.covariates if patient.covariate(name) is None]:
            raise ValueError(f"the fitted model needs {' and '.join(unknown)} of patient {patient.id}. Add it.")
    population = Population.of(card, completed)
    with torch.no_grad():
        found = individual(model, card, population, find_mode(model, card, population), draws=draws, generator=torch.Generator().manual_seed(seed))
    return [_posterior(model, card, patient, found, i, seed) for i, patient in enumerate(completed)]


def _posterior(model: PublishedModel, card: DrugCard, patient: Patient, found: Individual, i: int, seed: int) -> Posterior:
    weight, drawn = found.drawn.log_weight[i].exp(), found.drawn
    k_hat = None if not patient.samples else float(drawn.k_hat[i])
    return Posterior(
        card=card,
        engine=f"map:{model.name}",
        version=model.name,
        provenance={},
        patient=patient,
        responses=rows(found.responses, slice(i, i + 1)),
        weight=weight / weight.sum(),
        model_probability={model.name: 1.0},
        diagnostics=Diagnostics(drawn.rungs[i], float(drawn.effective[i]), len(weight), k_hat, 0.0),
        revise=lambda other: believe(model, card, [other], draws=len(weight), seed=seed)[0],
        seed=seed,
        errors=(model.error,),
    )
