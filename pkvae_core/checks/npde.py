"""Are the levels where the model's own simulations would put them: normalised prediction distribution errors.

The levels of each patient, and those of many simulated twins, are made uncorrelated with the twins' mean and covariance; the rank of each measured one among
the twins', seen through the inverse normal distribution, is its NPDE (Brendel, Comets, Laffont, Laveille & Mentré 2006; Comets, Brendel & Mentré 2008). If the
model is right they are independent standard normals. Half of the twins give mean and covariance and the other half the ranks, so that the measured levels and
the twins they are ranked with are treated alike. A level below its limit of quantification gets a random rank below that limit's (Nguyen et al. 2012).
"""

from dataclasses import asdict, dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.stats import chi2, norm, shapiro, wilcoxon

from pkvae_core.checks.replicates import Replicates

LEAST = 10
MOST_FOR_SHAPIRO = 5000


@dataclass(frozen=True)
class NPDETests:
    """Mean and standard deviation of `n` NPDE, which should be 0 and 1, and the p-values of three tests of that, alone and together.

    `p_mean`: Wilcoxon's signed ranks; `p_sd`: Fisher's test of the variance; `p_normal`: Shapiro & Wilk; `p_all`: thrice the smallest (Bonferroni), at most 1.
    """

    n: int
    mean: float
    sd: float
    p_mean: float
    p_sd: float
    p_normal: float
    p_all: float

    @property
    def sentence(self) -> str:
        """The finding in plain words."""
        if np.isnan(self.p_all):
            return f"{self.n} levels are too few to test; {LEAST} are needed."
        verdict = "give no reason to doubt the model" if self.p_all >= 0.05 else "would be a rare chance if the model were right"
        return (
            f"{self.n} levels: mean {self.mean:.2f} (should be 0, p = {self.p_mean:.2g}), standard deviation {self.sd:.2f} (should be 1, p = {self.p_sd:.2g}), "
            f"normal shape p = {self.p_normal:.2g}; together p = {self.p_all:.2g}: these residuals {verdict}."
        )

    def rows(self) -> tuple[dict[str, object], ...]:
        return (asdict(self),)


def npde(found: Replicates, *, seed: int) -> Float[np.ndarray, " level"]:
    """The NPDE of each level; NaN where the model allows no scatter at all (no drug yet)."""
    generator = np.random.default_rng(seed)
    errors = np.full(len(found.levels.measured), np.nan)
    for subject in range(found.levels.subject.max() + 1):
        mine = np.flatnonzero(found.levels.subject == subject)
        simulated = found.simulated[:, mine]
        mine, simulated = mine[scatters := simulated.std(0) > 1e-5], simulated[:, scatters]
        if len(mine):
            measured = _completed(found.levels.measured[mine], found.levels.is_below[mine], simulated, generator)
            errors[mine] = _ranked(*_whitened(measured, simulated), generator)
    return errors


def _completed(
    measured: Float[np.ndarray, " sample"],
    is_below: Bool[np.ndarray, " sample"],
    simulated: Float[np.ndarray, "replicate sample"],
    generator: np.random.Generator,
) -> Float[np.ndarray, " sample"]:
    """The levels, with a random simulated one below the limit (or the limit itself, if there is none) in place of each that lies below it."""
    whole = measured.copy()
    for i in np.flatnonzero(is_below):
        lower = simulated[simulated[:, i] < measured[i], i]
        whole[i] = generator.choice(lower) if len(lower) else measured[i]
    return whole


def _whitened(measured: Float[np.ndarray, " sample"], simulated: Float[np.ndarray, "replicate sample"]) -> tuple[np.ndarray, np.ndarray]:
    """The levels, and the second half of the simulated ones, without the mean and correlation of the first half."""
    half = len(simulated) // 2
    centre, covariance = simulated[:half].mean(0), np.atleast_2d(np.cov(simulated[:half].T))
    root = np.linalg.cholesky(covariance + 1e-9 * np.diag(np.diag(covariance)))
    return np.linalg.solve(root, measured - centre), np.linalg.solve(root, (simulated[half:] - centre).T).T


def _ranked(
    measured: Float[np.ndarray, " sample"], simulated: Float[np.ndarray, "replicate sample"], generator: np.random.Generator
) -> Float[np.ndarray, " sample"]:
    """Normal scores of the ranks, spread evenly within one rank."""
    return norm.ppf(((simulated < measured).sum(0) + generator.random(len(measured))) / (len(simulated) + 1))


def npde_tests(errors: Float[np.ndarray, " level"]) -> NPDETests:
    """Do these NPDE look standard normal?"""
    known = errors[~np.isnan(errors)]
    n = len(known)
    if n < LEAST:
        return NPDETests(n, *(float("nan"),) * 6)
    mean, variance = float(known.mean()), float(known.var(ddof=1))
    p_mean = float(wilcoxon(known)[1])  # pyright: ignore[reportArgumentType]
    below = float(chi2.cdf((n - 1) * variance, n - 1))
    p_sd = 2 * min(below, 1 - below)
    p_normal = float(shapiro(known[:MOST_FOR_SHAPIRO])[1])
    return NPDETests(n, mean, float(np.sqrt(variance)), p_mean, p_sd, p_normal, min(3 * min(p_mean, p_sd, p_normal), 1.0))
