"""Tobramycin in children and adults, with and without cystic fibrosis (Hennig 2013). Used here for adults."""

import torch

from pkvae_core.drugs.published.model import Headline, PublishedModel, variance_from_cv
from pkvae_core.records.physiology import fat_free_mass
from pkvae_core.residual_error import ResidualError

UMOL_PER_MG_DL = 88.42


def typical(c):
    """CL = 9.4 (8.1 in women) (FFM/70)^0.952 (1 - 0.010 (AGE - 18)) (SCRnormal/SCR)^0.222; V1 = 25.1 (20.1) FFM/70; V2 = 10 FFM/70; Q = 1.5 (FFM/70)^0.952."""
    is_male = c["SEX"]
    size = fat_free_mass(c["WT"], c["HT"], is_male) / 70
    normal = torch.where(is_male > 0.5, 84.0, 69.5)  # umol/L in adults: Johansson 2011, which the paper uses
    creatinine = (c["SCR"] * UMOL_PER_MG_DL).clamp(min=60)
    age = torch.where(c["AGE"] > 18, 1 - 0.010 * (c["AGE"] - 18), 1 - 0.021 * (c["AGE"] - 18))
    return {
        "CL": torch.where(is_male > 0.5, 9.4, 8.1) * size**0.952 * age * (normal / creatinine) ** 0.222,
        "V1": torch.where(is_male > 0.5, 25.1, 20.1) * size,
        "Q": 1.5 * size**0.952,
        "V2": 10 * size,
    }


MODEL = PublishedModel(
    name="hennig2013",
    drug="tobramycin",
    citation="Hennig S, Standing JF, Staatz CE, Thomson AH. Clin Pharmacokinet 2013;52:289-301",
    doi="10.1007/s40262-013-0036-y",
    reading="nlmixr2lib Hennig_2013_tobra (Table 2); tucuxi-drugs tobramycin.hennig2013",
    population="732 children and adults (465 with cystic fibrosis, 267 without), 5,605 levels",
    covariates=("AGE", "SEX", "WT", "HT", "SCR"),
    typical=typical,
    variance={"CL": variance_from_cv(25.9), "V1": variance_from_cv(15.2), "Q": variance_from_cv(41.8), "V2": variance_from_cv(58.5)},
    covariance={("CL", "V1"): 0.02534, ("CL", "Q"): 0.07270, ("V1", "Q"): 0.02881},
    error=ResidualError(0.204, 0.0),
    headlines=(
        Headline(
            {"AGE": 18, "SEX": 1, "WT": 96.3, "HT": 180, "SCR": 0.95}, "CL", 9.4, 0.03, "CL 9.4 L/h for a man of 70 kg fat-free mass at normal creatinine"
        ),
    ),
    assumptions=(
        "As in the paper, a creatinine below 60 umol/L is read as 60.",
        "Normal creatinine of adults: 84 umol/L in men, 69.5 in women (Johansson 2011).",
        "Its 97 patients given boluses are very probably those of Aarons 1989: forecasts on that file are partly in-sample.",
    ),
)
