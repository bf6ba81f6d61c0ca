"""Omalizumab under the skin of atopic Japanese adults (Hayashi 2007): drug and IgE bind in instantaneous equilibrium; total drug is what is measured."""

import torch

from pkvae_core.drugs.published.model import Headline, Parameters, PublishedModel, variance_from_cv
from pkvae_core.residual_error import ResidualError
from pkvae_core.structural.target_mediated import TargetMediated

NG_PER_IU = 2.42
IGE_KDA = 190.0  # ng/mL of IgE = nmol/L x 190
FIELDS = ("CL", "excess_CL", "target_CL", "V", "complex_V", "production", "baseline", "Kd0", "ka")


def typical(c):
    """CL/f = 7.32 mL/h (WT/61.1)^0.911, V/f = 5.9 L (WT/61.1)^0.658; of IgE, with its level before treatment (ng/mL) over 482.4 as r: CL/f = 71.0 mL/h
    r^-0.281, production 30.3 ug/h r^0.657; of the complex: CL 5.86 mL/h above the drug's, V/f 3.63 L; Kd0 1.07 nmol/L, ka 0.0200/h."""
    size, ige, one = c["WT"] / 61.1, c["IGE"] * NG_PER_IU, torch.ones_like(c["WT"])
    return {
        "CL": 7.32e-3 * size**0.911,
        "excess_CL": 5.86e-3 * one,
        "target_CL": 71.0e-3 * (ige / 482.4) ** -0.281,
        "V": 5.9 * size**0.658,
        "complex_V": 3.63 * one,
        "production": 30.3 / IGE_KDA * (ige / 482.4) ** 0.657,
        "baseline": ige / IGE_KDA,
        "Kd0": 1.07 * one,
        "ka": 0.0200 * one,
    }


def body(parameters: Parameters) -> TargetMediated:
    return TargetMediated(*(parameters[name].float() for name in FIELDS))


REFERENCE = {"WT": 61.1, "IGE": 482.4 / NG_PER_IU}

MODEL = PublishedModel(
    name="hayashi2007",
    drug="omalizumab",
    citation="Hayashi N, Tsukamoto Y, Sallas WM, Lowe PJ. Br J Clin Pharmacol 2007;63:548-561",
    doi="10.1111/j.1365-2125.2006.02803.x",
    reading="nlmixr2lib Hayashi_2007_omalizumab (Table 3)",
    population="202 Japanese adults (48 healthy atopic volunteers after one dose, 154 with seasonal rhinitis), 1,037 levels; 42 to 101 kg, IgE 22 to 886 IU/mL",
    covariates=("WT", "IGE"),
    typical=typical,
    variance={
        "ka": variance_from_cv(39.9),
        "CL": variance_from_cv(20.3),
        "excess_CL": variance_from_cv(34.9),
        "V": variance_from_cv(13.0),
        "complex_V": variance_from_cv(25.0),
        "target_CL": variance_from_cv(25.3),
        "production": variance_from_cv(23.1),
    },
    covariance={("target_CL", "production"): 0.968 * (variance_from_cv(25.3) * variance_from_cv(23.1)) ** 0.5},
    error=ResidualError(0.167, 0.0),
    headlines=(
        Headline(REFERENCE, "CL", 7.32e-3, 0.001, "CL/f 7.32 mL/h at 61.1 kg"),
        Headline(REFERENCE, "production", 0.1595, 0.001, "IgE production 30.3 ug/h at 482.4 ng/mL, 0.1595 nmol/h"),
        Headline(
            {"WT": 61.1, "IGE": 1000 / NG_PER_IU},
            "target_CL",
            71.0e-3 * (1000 / 482.4) ** -0.281,
            0.001,
            "71.0 mL/h and the exponent -0.281 of IgE before treatment",
        ),
    ),
    assumptions=(
        "Clearances and volumes are apparent, over the bioavailability under the skin: no product into a vein can be simulated.",
        "The residual error, 16.7 % as a log-normal factor, is taken as proportional, as the source codes it.",
        "Volume and its variability are one for drug and IgE, as in the paper.",
        "IgE before treatment both starts the target and sets its production and clearance. The paper estimates these apart: at 482.4 ng/mL production over "
        "clearance makes 427 ng/mL, so that without drug IgE drifts by 12 % to its own balance.",
        "IgE is given in IU/mL, 1 IU = 2.42 ng; masses are 150 kDa for the drug and 190 kDa for IgE, as in the paper.",
        "Applied to patients with asthma, from whom the model was not built; Hayashi 2007 report that it predicted 531 White patients of the asthma trials.",
    ),
    body=body,
)
