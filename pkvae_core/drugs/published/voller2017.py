"""Phenobarbital in preterm and term newborns, with maturation by postnatal age (Voller 2017). Its oral part is left out: our card gives it into a vein."""

from pkvae_core.drugs.published.model import Headline, PublishedModel
from pkvae_core.residual_error import ResidualError


def typical(c):
    """CL = 0.00909 (1 + 0.0533 (PNA - 4.5)) (1 + 0.369 (BWT - 2.59)); V = 2.38 (1 + 0.309 (WT - 2.70)); PNA in days, birth weight and weight in kg."""
    return {
        "CL": 0.00909 * (1 + 0.0533 * (c["PNA"] - 4.5)) * (1 + 0.369 * (c["BWT"] - 2.59)),
        "V1": 2.38 * (1 + 0.309 * (c["WT"] - 2.70)),
    }


MODEL = PublishedModel(
    name="voller2017",
    drug="phenobarbital",
    citation="Völler S, Flint RB, Stolk LM, et al. Eur J Pharm Sci 2017;109S:S90-S97",
    doi="10.1016/j.ejps.2017.05.026",
    reading="nlmixr2lib Voller_2017_phenobarbital (DDMODEL00000256, its output listing)",
    population="53 preterm and term newborns, 229 levels; centred at 4.5 days of life, 2.59 kg at birth and 2.70 kg",
    covariates=("PNA", "BWT", "WT"),
    typical=typical,
    variance={"CL": 0.0898, "V1": 0.0504},
    error=ResidualError(0.0258**0.5, 0.0),
    headlines=(Headline({"PNA": 4.5, "BWT": 2.59, "WT": 2.70}, "CL", 0.00909, 0.001, "CL 0.0091 L/h at 4.5 days and 2.6 kg"),),
    assumptions=("Its effects are straight lines, as printed; they were seen to about two months of age, where our card ends.",),
)
