"""Vancomycin from premature neonates to the elderly, 14 studies pooled (Colin 2019). Used here for adults."""

import torch

from pkvae_core.drugs.published.model import Headline, PublishedModel
from pkvae_core.residual_error import ResidualError


def typical(c):
    """CL = 5.31 (WT/70)^0.75 x maturation x decline x exp(-0.649 (SCR - SCRstd)).

    The decline is not divided by its value at 35 years: only so is CL 4.10 L/h there, as the abstract says.
    """
    post_menstrual_years = c["AGE"] + 40 / 52.18
    maturation = post_menstrual_years**2.89 / (post_menstrual_years**2.89 + 0.893**2.89)
    decline = post_menstrual_years**-2.24 / (post_menstrual_years**-2.24 + 61.6**-2.24)
    standard = torch.exp(-1.228 + 0.672 * torch.log10(post_menstrual_years) + 6.27 * torch.exp(-3.11 * post_menstrual_years))
    V2 = 41.7 * c["WT"] / 70
    return {
        "CL": 5.31 * (c["WT"] / 70) ** 0.75 * maturation * decline * torch.exp(-0.649 * (c["SCR"] - standard)),
        "V1": 42.9 * c["WT"] / 70,
        "Q": 3.22 * (V2 / 41.7) ** 0.75,
        "V2": V2,
    }


MODEL = PublishedModel(
    name="colin2019",
    drug="vancomycin",
    citation="Colin PJ, Allegaert K, Thomson AH, et al. Clin Pharmacokinet 2019;58:767-780",
    doi="10.1007/s40262-018-0727-5",
    reading="PKPDsim pk_vanco_colin; abstract",
    population="14 studies, premature neonates to the elderly, obese and intensive-care patients among them",
    covariates=("AGE", "WT", "SCR"),
    typical=typical,
    variance={"CL": 0.0746, "V1": 0.0716, "V2": 0.684},
    error=ResidualError(0.215, 1.23),
    headlines=(Headline({"AGE": 35, "WT": 70, "SCR": 0.83}, "CL", 4.10, 0.02, "CL 4.10 L/h for 70 kg, 35 years, SCr 0.83 mg/dL"),),
    assumptions=("Haematological cancer (CL x 1.294) is not among our covariates.", "Q follows the typical V2, without its variability."),
)
