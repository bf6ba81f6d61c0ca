"""Mycophenolate mofetil swallowed by healthy men: mycophenolic acid, swallowed again with the bile at meals (Jiao 2008)."""

import math

import torch

from pkvae_core.drugs.published.model import Headline, Parameters, PublishedModel, variance_from_cv
from pkvae_core.residual_error import ResidualError
from pkvae_core.structural.recirculation import Recirculating

SHARE = 0.291  # of the glucuronide goes into the bile
EMPTIED = 1 - math.exp(-67.5 * 0.01)  # of the bile by a meal: 67.5/h for 0.01 h
CONJUGATE_FOLLOWS = 1.33  # the eta of the glucuronide's renal clearance, in those of Q


def typical(c):
    """CL/F = 10.2, Q/F = 16.1 L/h and V3/F = 213 L, each times WT/65.5; V2/F = 12.5 L, ka 3.53/h, tlag 0.0956 h; glucuronide 1.38 L/h and 4.40 L.

    `usual_Q` is kept beside Q, because the glucuronide's clearance follows how far a patient's Q lies from it.
    """
    one, size = torch.ones_like(c["WT"]), c["WT"] / 65.5
    return {
        "CL": 10.2 * size,
        "V1": 12.5 * one,
        "Q": 16.1 * size,
        "V2": 213 * size,
        "ka": 3.53 * one,
        "tlag": 0.0956 * one,
        "V4": 4.40 * one,
        "odds": SHARE / (1 - SHARE) * one,
        "usual_Q": 16.1 * size,
    }


def body(p: Parameters) -> Recirculating:
    renal = 1.38 * (p["Q"] / p["usual_Q"]) ** CONJUGATE_FOLLOWS / p["V4"]
    flows = [p[name] for name in ("CL", "V1", "Q", "V2", "ka", "tlag")]
    tables = (*flows, renal * (1 + p["odds"]), p["odds"] / (1 + p["odds"]), torch.full_like(renal, EMPTIED))
    return Recirculating(*(table.float() for table in tables))


MODEL = PublishedModel(
    name="jiao2008",
    drug="mycophenolate",
    citation="Jiao Z, Ding JJ, Shen J, Liang HQ, Zhong LJ, Wang Y, Zhong MK, Lu WY. Br J Clin Pharmacol 2008;65:893-907",
    doi="10.1111/j.1365-2125.2008.03109.x",
    reading="nlmixr2lib Jiao_2008_mycophenolic_acid (Table 3)",
    population="42 healthy Chinese men, 19 to 26 years, 56.5 to 89 kg, one dose of 500 mg of the mofetil after a night's fast; 590 levels of mycophenolic acid",
    covariates=("WT",),
    typical=typical,
    variance={
        "CL": variance_from_cv(18.9),
        "V1": variance_from_cv(34.5),
        "Q": variance_from_cv(13.7),
        "V2": variance_from_cv(22.7),
        "ka": variance_from_cv(60.3),
        "tlag": variance_from_cv(57.3),
        "V4": variance_from_cv(23.1),
        "odds": variance_from_cv(29.0) / (1 - SHARE) ** 2,
    },
    error=ResidualError(0.453, 0.05),
    headlines=(
        Headline({"WT": 65.5}, "CL", 10.2, 0.001, "CL/F 10.2 L/h at 65.5 kg"),
        Headline({"WT": 65.5}, "V2", 213, 0.001, "V3/F 213 L at 65.5 kg"),
        Headline({"WT": 65.5}, "odds", 0.291 / 0.709, 0.001, "29.1 % of the glucuronide goes into the bile"),
    ),
    assumptions=(
        "Doses are counted as mycophenolic acid: 500 mg of the mofetil are 369.5 mg. The source does not say which the paper counted; counted as mofetil, "
        "levels would be a third higher.",
        "Meals empty the bile at 12:00 and 18:00 of every day, 4 and 10 h after the paper's dose, which was taken in the morning (08:00); of a record without "
        "clock times hour 0 is that hour. In one of the two studies supper was at 9.5 h. There is no breakfast: the volunteers had fasted.",
        "A meal empties 49 % of the bile at once; the paper's model takes 0.01 h for it.",
        "The paper's residual error is log-normal with a standard deviation of 0.453; ours is normal with 45.3 % of the concentration, and 0.05 mg/L more, "
        "which is assumed: so that a level before absorption has begun is not impossible.",
        "The variability of the share that goes into the bile (29 %) acts on its odds, so that no share exceeds 1; to first order that is the same.",
        "The paper has one dose: that the kinetics stay the same over weeks of doses is assumed. It reports no variability between occasions.",
    ),
    body=body,
)
