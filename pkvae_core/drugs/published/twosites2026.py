"""A drug that is absorbed at two sites, hours apart, and that a meal changes: ours, made up to teach. No paper, no real drug."""

import torch

from pkvae_core.drugs.published.model import Headline, PublishedModel, variance_from_cv
from pkvae_core.residual_error import ResidualError


def typical(c):
    """CL 6; V 30; odds of the first site 1.5, ka 1.8 after 0.3 h there; ka 1.5 after 6 h at the second site.

    After a meal (FED = 1) the stomach empties late: first lag x 2.5, first ka x 0.7, odds x 0.6.
    """
    fed = c["FED"]
    one = torch.ones_like(fed)
    return {
        "CL": 6.0 * one,
        "V1": 30.0 * one,
        "odds": 1.5 * 0.6**fed,
        "ka": 1.8 * 0.7**fed,
        "tlag": 0.3 * 2.5**fed,
        "ka2": 1.5 * one,
        "tlag2": 6 * one,
    }


MODEL = PublishedModel(
    name="twosites2026",
    drug="two_sites",
    citation="PKVAE, synthetic: made up to teach, no paper",
    doi="",
    reading="pkvae_core/drugs/published/twosites2026.py",
    population="nobody: made up to teach",
    covariates=("FED",),
    typical=typical,
    variance={
        "CL": variance_from_cv(30),
        "V1": variance_from_cv(20),
        "odds": variance_from_cv(50),
        "ka": variance_from_cv(40),
        "tlag": variance_from_cv(30),
        "ka2": variance_from_cv(40),
        "tlag2": variance_from_cv(20),
    },
    error=ResidualError(0.10, 0.05),
    headlines=(
        Headline({"FED": 0}, "tlag", 0.3, 0.001, "first lag 0.3 h fasted, by construction"),
        Headline({"FED": 1}, "tlag", 0.75, 0.001, "first lag 0.75 h fed, by construction"),
    ),
    assumptions=(
        "Synthetic: every value is our choice, so that most patients have two peaks; none is measured.",
        "Each capsule is absorbed as the state in which it was swallowed has it; a meal later in the day does not change it.",
        "Complete absorption, shared between the two sites.",
    ),
    onset_changes=True,
)
