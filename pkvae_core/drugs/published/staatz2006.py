"""Gentamicin after heart surgery (Staatz 2006): how aminoglycoside clearance follows creatinine clearance in adults of unknown height."""

import torch

from pkvae_core.drugs.published.model import Headline, PublishedModel, variance_from_cv
from pkvae_core.residual_error import ResidualError


def typical(c):
    """CL = 2.81 (1 + 0.0150 (CRCL - 63)); V1 = 0.251 WT; V2 = 0.156 WT; Q = 1.45."""
    return {"CL": 2.81 * (1 + 0.0150 * (c["CRCL"] - 63)), "V1": 0.251 * c["WT"], "Q": 1.45 * torch.ones_like(c["WT"]), "V2": 0.156 * c["WT"]}


MODEL = PublishedModel(
    name="staatz2006",
    drug="tobramycin",
    citation="Staatz CE, Byrne C, Thomson AH. Br J Clin Pharmacol 2006;61:164-176 (gentamicin)",
    doi="10.1111/j.1365-2125.2005.02547.x",
    reading="nlmixr2lib Staatz_2005_gentamicin (Table 4, all data)",
    population="135 adults after heart surgery, 550 levels; 39 to 138 kg, creatinine clearance 9 to 171 mL/min",
    covariates=("CRCL", "WT"),
    typical=typical,
    variance={"CL": variance_from_cv(27), "V2": variance_from_cv(84)},
    error=ResidualError(0.24, 0.13),
    headlines=(Headline({"CRCL": 63, "WT": 70}, "CL", 2.81, 0.001, "CL 2.81 L/h at CrCl 63 mL/min"),),
    assumptions=("Gentamicin stands for tobramycin: the two are cleared alike by the kidney.",),
)
