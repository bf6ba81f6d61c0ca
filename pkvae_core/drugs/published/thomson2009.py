"""Vancomycin in hospitalised adults (Thomson 2009)."""

import torch

from pkvae_core.drugs.published.model import Headline, PublishedModel
from pkvae_core.residual_error import ResidualError


def typical(c):
    """CL = 2.99 (1 + 0.0154 (CRCL - 66)); V1 = 0.675 WT; V2 = 0.732 WT; Q = 2.28."""
    return {"CL": 2.99 * (1 + 0.0154 * (c["CRCL"] - 66)), "V1": 0.675 * c["WT"], "Q": 2.28 * torch.ones_like(c["WT"]), "V2": 0.732 * c["WT"]}


MODEL = PublishedModel(
    name="thomson2009",
    drug="vancomycin",
    citation="Thomson AH, Staatz CE, Tobin CM, Gall M, Lovering AM. J Antimicrob Chemother 2009;63:1050-1057",
    doi="10.1093/jac/dkp085",
    reading="PKPDsim pk_vanco_thomson; the same numbers in pkfriend and mipdeval",
    population="398 hospitalised adults, 1,557 levels (as Tong 2026, table S1, reports)",
    covariates=("CRCL", "WT"),
    typical=typical,
    variance={"CL": 0.27**2, "V1": 0.15**2, "Q": 0.49**2, "V2": 1.30**2},
    covariance={("CL", "V1"): 0.01},
    error=ResidualError(0.15, 1.6),
    headlines=(Headline({"CRCL": 66, "WT": 70}, "CL", 2.99, 0.001, "CL 2.99 L/h at CrCl 66 mL/min"),),
    assumptions=(
        "CL is linear in creatinine clearance without a cap, as printed.",
        "Variabilities are read as standard deviations of the log-normal effect, as the source codes them.",
    ),
)
