"""Phenobarbital in (mostly preterm) neonates, from routine levels (Grasela & Donn 1985)."""

import torch

from pkvae_core.drugs.published.model import Headline, PublishedModel, variance_from_cv
from pkvae_core.residual_error import ResidualError


def typical(c):
    """CL = 0.0047 WT; V = 0.96 WT (1 + 0.13 where the Apgar score at 5 minutes is below 5)."""
    return {"CL": 0.0047 * c["WT"], "V1": 0.96 * c["WT"] * torch.where(c["APGAR"] < 5, 1.13, 1.0)}


MODEL = PublishedModel(
    name="grasela1985",
    drug="phenobarbital",
    citation="Grasela TH, Donn SM. Dev Pharmacol Ther 1985;8:374-383",
    doi="10.1159/000457062",
    reading="nlmixr2lib Grasela_1985_phenobarbital (from the abstract)",
    population="59 neonates, mostly preterm: 24 to 42 weeks of gestation (mean 31), 0.6 to 3.6 kg at birth (mean 1.5)",
    covariates=("WT", "APGAR"),
    typical=typical,
    variance={"CL": variance_from_cv(19), "V1": variance_from_cv(16)},
    error=ResidualError(0.115, 0.0),
    headlines=(
        Headline({"WT": 1.52, "APGAR": 8}, "CL", 0.00714, 0.001, "CL 0.0047 L/h/kg at the mean weight of 1.52 kg"),
        Headline({"WT": 1.0, "APGAR": 3}, "V1", 1.085, 0.001, "V 0.96 L/kg, 13 % larger with an Apgar score below 5"),
    ),
    assumptions=(
        "The weight of its data is that at birth; we take the present one, so that the infant's growth counts.",
        "The abstract gives no residual error: 11.5 % is that of the usual refit of the same levels (NONMEM's pheno example, variance 0.0132).",
        "It has no effect of age: clearance grows with weight alone.",
    ),
)
