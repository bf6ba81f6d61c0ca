"""Theophylline swallowed as a plain solution or tablet by healthy adults (Rovei 1982)."""

import torch

from pkvae_core.drugs.published.model import Headline, PublishedModel, variance_from_cv
from pkvae_core.residual_error import ResidualError


def typical(c):
    """CL/F = 2.94 WT/70; V/F = 35.7 WT/70; ka 1.73; lag 0.09 h."""
    one = torch.ones_like(c["WT"])
    return {"CL": 2.94 * c["WT"] / 70, "V1": 35.7 * c["WT"] / 70, "ka": 1.73 * one, "tlag": 0.09 * one}


MODEL = PublishedModel(
    name="rovei1982",
    drug="theophylline",
    citation="Rovei V, Chanoine F, Strolin Benedetti M. Br J Clin Pharmacol 1982;14:769-778",
    doi="10.1111/j.1365-2125.1982.tb02035.x",
    reading="nlmixr2lib Rovei_1982_theophylline",
    population="8 healthy adults, 48 to 77 kg, single oral doses",
    covariates=("WT",),
    typical=typical,
    variance={"CL": variance_from_cv(25), "V1": variance_from_cv(14), "ka": variance_from_cv(50), "tlag": variance_from_cv(50)},
    error=ResidualError(0.10, 0.0),
    headlines=(Headline({"WT": 70}, "CL", 2.94, 0.001, "CL/F 0.042 L/h/kg"),),
    assumptions=(
        "Variabilities come from standard deviations over 8 subjects, not from a population fit; the residual error of 10 % is assumed.",
        "Complete absorption (F = 1): the same CL and V serve the vein.",
    ),
)
