"""What does a plain population model, fitted to the training patients of a fold, say of the held-out ones?

The classical way with a cohort of one's own, beside the shipped model that has seen none of it: one compartment, sizes by weight and creatinine clearance
(see `classical`), and MAP-Bayes with the fitted values for each held-out patient. Its name in figures says that it was fitted to the cohort's other patients.
"""

from collections.abc import Sequence

import torch

from pkvae_core.checks.engines import Engine
from pkvae_core.checks.folds import Learner
from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.derived import complete
from pkvae_core.drugs.population import Population
from pkvae_core.inference.classical import Structure, fit_population
from pkvae_core.inference.fitted import believe
from pkvae_core.patient import Patient

ROUNDS = 25


def fitted(card: DrugCard, *, compartments: int = 1, rounds: int = ROUNDS, draws: int = 500, seed: int = 0) -> Learner:
    """The learner that fits such a model to the training patients. It needs the weight (and creatinine clearance) of everybody, and says so where it lacks."""
    structure = Structure(compartments)
    name = f"population fit, {structure.words}"

    def learn(training: Sequence[Patient]) -> Engine:
        known = [complete(card, patient) for patient in training if patient.samples]
        if not known:
            raise ValueError("no training patient has a level; nothing can be fitted.")
        with torch.no_grad():
            model = fit_population(card, Population.of(card, known), structure, rounds=rounds, seed=seed).model
        return Engine(name, lambda patients, seed: believe(model, card, patients, draws=draws, seed=seed))

    return Learner(name, learn)
