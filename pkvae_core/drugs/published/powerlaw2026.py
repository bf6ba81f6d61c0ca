"""A drug whose concentration falls like a power of time, as amiodarone's is said to: ours, made up to teach. No paper, no real drug.

For amiodarone a fractional return from deep tissue was fitted (Dokoumetzidis, Magin & Macheras, J Pharmacokinet Pharmacodyn 2010;37:507-524); its numbers could
not be read, so none of them is here.
"""

import torch

from pkvae_core.drugs.published.model import Headline, PublishedModel, variance_from_cv
from pkvae_core.residual_error import ResidualError


def typical(c):
    """CL 6 (WT/70)^0.75; concentration falls like t^-0.6 from a few hours to some days after a dose, more steeply later; ka 0.7."""
    one = torch.ones_like(c["WT"])
    return {"CL": 6.0 * (c["WT"] / 70) ** 0.75, "alpha": 0.6 * one, "fastest": 1.0 * one, "ka": 0.7 * one}


MODEL = PublishedModel(
    name="powerlaw2026",
    drug="power_law",
    citation="PKVAE, synthetic: made up to teach, no paper",
    doi="",
    reading="pkvae_core/drugs/published/powerlaw2026.py",
    population="nobody: made up to teach",
    covariates=("WT",),
    typical=typical,
    variance={"CL": variance_from_cv(30), "alpha": variance_from_cv(12), "fastest": variance_from_cv(30), "ka": variance_from_cv(40)},
    error=ResidualError(0.12, 0.005),
    headlines=(Headline({"WT": 70}, "CL", 6.0, 0.001, "CL 6 L/h, by construction"),),
    assumptions=(
        "Synthetic: every value is our choice; none is measured.",
        "Six exponentials, each four times slower than the one before, with the weights of a power law. On two logarithmic scales the slope is that of the "
        "power from a few hours to some days; the slowest exponential has a half-life of a month.",
        "Complete absorption (F = 1).",
    ),
)
