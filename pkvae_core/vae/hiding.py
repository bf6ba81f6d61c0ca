"""What would a clinic not know of a virtual patient?"""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from pkvae_core.drugs.population import History, Population
from pkvae_core.records.physiology import renal_weight


def hide(population: Population, generator: torch.Generator, names: tuple[str, ...]) -> Population:
    """The population as a clinic would send it: half of the patients complete, the others with covariates missing at random.

    Creatinine clearance is known where age, sex, weight and creatinine are, and for half of the others (a chart may state it alone). What is seen to change
    in a patient was measured: weight, creatinine and clearance are hidden only where they stay the same (clearance also where its ingredients are).
    """
    covariates, history = population.covariates.clone(), population.history.covariates.clone()
    count = covariates.shape[0]
    is_incomplete = torch.rand(count, 1, generator=generator) < 0.5
    is_hidden = is_incomplete & (torch.rand(covariates.shape, generator=generator) < torch.rand(count, 1, generator=generator))
    is_hidden &= ~(history != covariates[:, None]).any(1)
    if "CRCL" in names:
        ingredients = [names.index(n) for n in ("AGE", "SEX", "WT", "SCR")]
        is_hidden[:, names.index("CRCL")] = is_hidden[:, ingredients].any(1) & (torch.rand(count, generator=generator) < 0.5)
        unsized = is_hidden[:, names.index("HT")] & ~is_hidden[:, ingredients].any(1)  # without a height, Cockcroft-Gault takes the actual weight
        for table in (covariates[:, None], history):
            table[..., names.index("CRCL")] *= torch.where(unsized[:, None], _actual_to_renal(table, names), 1)
    covariates[is_hidden] = torch.nan
    history[is_hidden[:, None].expand_as(history)] = torch.nan
    return replace(population, covariates=covariates, history=History(population.history.until, history))


def _actual_to_renal(covariates: Float[Tensor, "subject change covariate"], names: tuple[str, ...]) -> Float[Tensor, "subject change"]:
    """The actual weight over the one that Cockcroft-Gault takes where a height is known."""
    weight, height, is_male = covariates[..., [names.index(n) for n in ("WT", "HT", "SEX")]].unbind(-1)
    return weight / renal_weight(weight, height, is_male)
