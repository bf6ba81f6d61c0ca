"""Tacrolimus capsules twice a day after kidney transplantation, whole blood (Woillard 2011)."""

import torch

from pkvae_core.drugs.published.model import Headline, PublishedModel, variance_from_cv
from pkvae_core.residual_error import ResidualError


def typical(c):
    """CL/F = 21.2 (HCT/35)^-1.14, twice that in CYP3A5 expressers; V1/F = 486 x 0.29; Q/F = 79; V2/F = 271; Ktr = 3.34 x 1.53 through three compartments."""
    one = torch.ones_like(c["HCT"])
    return {
        "CL": 21.2 * (c["HCT"] / 35) ** -1.14 * 2.00 ** c["CYP3A5"],
        "V1": 486 * 0.29 * one,
        "Q": 79 * one,
        "V2": 271 * one,
        "ktr": 3.34 * 1.53 * one,
    }


MODEL = PublishedModel(
    name="woillard2011",
    drug="tacrolimus",
    citation="Woillard JB, de Winter BCM, Kamar N, Marquet P, Rostaing L, Rousseau A. Br J Clin Pharmacol 2011;71:391-402",
    doi="10.1111/j.1365-2125.2010.03837.x",
    reading="nlmixr2lib Woillard_2011_tacrolimus (Table 4)",
    population="73 kidney recipients, 186 profiles; 18 to 77 years, 45 to 116 kg, haematocrit 21 to 47 %; 6 of 73 express CYP3A5",
    covariates=("HCT", "CYP3A5"),
    typical=typical,
    variance={
        "CL": variance_from_cv(28),
        "V1": variance_from_cv(31),
        "Q": variance_from_cv(54),
        "V2": variance_from_cv(60),
        "ktr": variance_from_cv(24),
    },
    occasion_variance={"ktr": variance_from_cv(33), "V1": variance_from_cv(75), "CL": variance_from_cv(31)},
    error=ResidualError(0.113, 0.71e-3),
    headlines=(
        Headline({"HCT": 35, "CYP3A5": 0}, "CL", 21.2, 0.001, "CL/F 21 L/h in non-expressers"),
        Headline({"HCT": 35, "CYP3A5": 1}, "CL", 42.0, 0.02, "CL/F 42 L/h in expressers"),
    ),
    assumptions=(
        "Twice-daily capsules only; the text of the paper gives another V1/F (205 L) than its table (141 L): the table's is used.",
        "Variability between occasions (33 % of Ktr, 75 % of V1/F, 31 % of CL/F) is the paper's, of visits a week to three months apart: here it tells any two "
        "visits apart, even those of two days. On one occasion the body stays the same.",
        "Equal transit rates would merge, so they are spread by 12 %: the curve changes by 0.2 % of its peak in the median, by 1.2 % at worst.",
    ),
)
