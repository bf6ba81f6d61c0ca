"""Phenytoin swallowed by Japanese outpatients with epilepsy (Yukawa 1990): elimination saturates. Used here for adults."""

import torch

from pkvae_core.drugs.published.model import Headline, Parameters, PublishedModel, variance_from_cv
from pkvae_core.residual_error import ResidualError
from pkvae_core.structural.saturable import Saturable


def typical(c):
    """Vmax = 325 mg/day (WT/60)^0.737 x 1.08 and Km = 2.41 mg/L x 1.32, the factors with other anticonvulsants; V = 0.6 L/kg; ka 1.5."""
    is_with_others = c["AED"] > 0.5
    return {
        "Vmax": 325 / 24 * (c["WT"] / 60) ** 0.737 * torch.where(is_with_others, 1.08, 1.0),
        "Km": 2.41 * torch.where(is_with_others, 1.32, 1.0),
        "V": 0.6 * c["WT"],
        "ka": 1.5 * torch.ones_like(c["WT"]),
    }


def body(parameters: Parameters) -> Saturable:
    return Saturable(*(parameters[name].float() for name in ("Vmax", "Km", "V", "ka")))


MODEL = PublishedModel(
    name="yukawa1990",
    drug="phenytoin",
    citation="Yukawa E, Higuchi S, Aoyama T. Chem Pharm Bull 1990;38:1973-1976",
    doi="10.1248/cpb.38.1973",
    reading="nlmixr2lib Yukawa_1990_phenytoin (Table III, model 2)",
    population="334 outpatients with epilepsy, 756 pairs of dose and steady level, 0.6 to 71 years, 9 to 115 kg; 233 with other anticonvulsants",
    covariates=("WT", "AED"),
    typical=typical,
    variance={"Vmax": 0.193**2, "Km": 0.631**2, "V": variance_from_cv(20)},
    error=ResidualError(0.10, 0.5),
    headlines=(
        Headline({"WT": 60, "AED": 0}, "Vmax", 325 / 24, 0.001, "Vmax 325 mg/day at 60 kg"),
        Headline({"WT": 60, "AED": 1}, "Km", 3.18, 0.002, "Km 2.41 mg/L, x 1.32 with other anticonvulsants"),
    ),
    assumptions=(
        "The paper regresses dose rates on steady levels: it has no volume and no absorption. V 0.6 L/kg (36 L at 60 kg) and ka 1.5/h are literature "
        "constants; the variability of V, 20 %, is assumed.",
        "Its residual error, 10.3 %, is one of the dose rate; ours, 10 % and 0.5 mg/L of the concentration, is assumed.",
        "Variabilities are read as standard deviations of the log-normal effect, as the source codes them.",
        "A change of the other anticonvulsants acts at once; in life, induction takes weeks.",
    ),
    body=body,
)
