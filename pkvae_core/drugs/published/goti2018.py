"""Vancomycin in hospitalised adults, with and without haemodialysis (Goti 2018). The dialysis term is left out: our card excludes dialysis."""

import torch

from pkvae_core.drugs.published.model import Headline, PublishedModel, variance_from_cv
from pkvae_core.residual_error import ResidualError


def typical(c):
    """CL = 4.5 (CRCL/120)^0.8; V1 = 58.4 WT/70; CRCL capped at 150, and SCr below 1 mg/dL read as 1 over 65 years (erratum)."""
    floored = torch.where(c["AGE"] > 65, c["SCR"].clamp(min=1), c["SCR"])
    crcl = (c["CRCL"] * c["SCR"] / floored).clamp(max=150)
    one = torch.ones_like(crcl)
    return {"CL": 4.5 * (crcl / 120) ** 0.8, "V1": 58.4 * c["WT"] / 70, "Q": 6.5 * one, "V2": 38.4 * one}


MODEL = PublishedModel(
    name="goti2018",
    drug="vancomycin",
    citation="Goti V, Chaturvedula A, Fossler MJ, Mok S, Jacob JT. Ther Drug Monit 2018;40:212-221, with its erratum of 2019",
    doi="10.1097/FTD.0000000000000490",
    reading="nlmixr2lib Goti_2018_vancomycin; PKPDsim pk_vanco_goti; tucuxi-drugs vancomycin.goti2018",
    population="1,812 hospitalised adults, 2,765 levels; 17 to 101 years, 33 to 255 kg, creatinine clearance 4 to 150 mL/min; 18.5 % on haemodialysis",
    covariates=("AGE", "SCR", "CRCL", "WT"),
    typical=typical,
    variance={"CL": variance_from_cv(39.8), "V1": variance_from_cv(81.6), "V2": variance_from_cv(57.1)},
    error=ResidualError(0.227, 3.4),
    headlines=(Headline({"AGE": 57, "SCR": 1.0, "CRCL": 120, "WT": 70}, "CL", 4.5, 0.001, "CL 4.5 L/h at CrCl 120 mL/min"),),
    assumptions=(
        "As printed, creatinine clearance is capped at 150 mL/min, and above 65 years a creatinine below 1 mg/dL is read as 1.",
        "V2 is not scaled by weight: two of the three readings do not scale it.",
    ),
)
