"""Warfarin (racemic) swallowed by healthy volunteers, concentrations only (Savic 2011)."""

import torch

from pkvae_core.drugs.published.model import Headline, PublishedModel
from pkvae_core.residual_error import ResidualError


def typical(c):
    """CL/F = 0.132; V/F = 7.96; ka 1.45; lag 0.9 h; no covariate."""
    one = torch.ones_like(c["WT"])
    return {"CL": 0.132 * one, "V1": 7.96 * one, "ka": 1.45 * one, "tlag": 0.9 * one}


MODEL = PublishedModel(
    name="savic2011",
    drug="warfarin",
    citation="Savic RM, Mentré F, Lavielle M. AAPS J 2011;13:44-53",
    doi="10.1208/s12248-010-9238-5",
    reading="nlmixr2lib Savic_2010_warfarin",
    population="33 healthy volunteers, single doses of 1.5 mg/kg (O'Reilly 1963 and 1968)",
    covariates=("WT",),
    typical=typical,
    variance={"CL": 0.0797, "V1": 0.0478, "ka": 0.689, "tlag": 0.252},
    error=ResidualError(0.0632, 0.231),
    headlines=(Headline({"WT": 70}, "CL", 0.132, 0.001, "CL 0.132 L/h"),),
    assumptions=(
        "It has no covariates: weight, age and sex are asked for by no part of it.",
        "Fitted by SAEM to the concentrations together with the effect; only the concentrations are used here.",
        "Complete absorption (F = 1).",
    ),
)
