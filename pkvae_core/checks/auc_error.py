"""How far off are estimates of an AUC, and how often do their intervals hold it?"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float
from torch import Tensor


def figures(quantiles: Float[Tensor, "3 subject"], truth: Float[Tensor, " subject"]) -> dict[str, float]:
    """Relative RMSE with its 95 % interval over patients, bias (shares), and coverage, of medians and 90 % intervals: rows 0.5, 0.05 and 0.95."""
    middle, low, high = quantiles.double()
    error = (middle / truth - 1).numpy()
    boot = np.random.default_rng(0).integers(len(error), size=(2000, len(error)))
    low95, high95 = np.quantile(np.sqrt((error[boot] ** 2).mean(1)), (0.025, 0.975))
    return {
        "rmse": float(np.sqrt((error**2).mean())),
        "rmse_low95": float(low95),
        "rmse_high95": float(high95),
        "bias": float(error.mean()),
        "coverage": float(((low <= truth) & (truth <= high)).double().mean()),
    }


def table(found: Mapping[str, Mapping[str, float]], engines: Mapping[str, str]) -> list[str]:
    """Lines in Markdown, one for each engine; typical values have no interval."""
    lines = ["| Engine | Relative RMSE (95 %) | Bias | 90 % coverage |", "|---|---|---|---|"]
    for name, words in engines.items():
        f = found[name]
        covered = "" if name == "typical" else f"{100 * f['coverage']:.1f} %"
        lines.append(
            f"| {words} | {100 * f['rmse']:.1f} % ({100 * f['rmse_low95']:.1f} to {100 * f['rmse_high95']:.1f}) | {100 * f['bias']:+.1f} % | {covered} |"
        )
    return lines
