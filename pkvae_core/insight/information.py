"""How much did one level teach? The information gained, from the draws of the beliefs before and after it.

With L(z) = p(level | z, earlier levels), Bayes' rule is p_after(z) = p_before(z) L(z) / Z, and the information gained is the Kullback-Leibler divergence
    KL(after || before) = E_after[log L] - log Z.
Z, the evidence, comes from both sets of draws pooled: a draw of either is one of the mixture n_before p_before + n_after p_after, whose density relative to
p_before is n_before + n_after L / Z; hence its weight under each belief, and Z as the fixed point (bridge sampling: Bennett 1976, Meng & Wong 1996).
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from pkvae_core.inference.observable import errors_of
from pkvae_core.inference.posterior import Posterior, predict
from pkvae_core.patient import Sample
from pkvae_core.residual_error import log_likelihood

ROUNDS, SETTLED = 200, 1e-10
PerDraw = Float[np.ndarray, " draw"]
OfBoth = tuple[Float[np.ndarray, " before"], Float[np.ndarray, " after"]]


@dataclass(frozen=True, eq=False)
class Pooled:
    """The draws of both beliefs in one row, those of `before` first: what each is worth under either belief, and its log-likelihood of the level."""

    before: PerDraw
    after: PerDraw
    log_likelihood: PerDraw
    log_evidence: float

    @property
    def bits(self) -> float:
        """Information gained: KL(after || before) in bits; 0 where the level says nothing."""
        counts = self.after > 0
        nats = float(self.after[counts] @ self.log_likelihood[counts]) - self.log_evidence
        return max(nats, 0.0) / math.log(2)  # noise of the estimate alone takes it below zero, where a divergence never is


def pool(weights: OfBoth, log_likelihoods: OfBoth) -> Pooled:
    """The beliefs before and after one level as one set of draws: `weights` of each (summing to 1) and the log-likelihood of the level at each."""
    log_l, own = np.concatenate(log_likelihoods), np.concatenate(weights)
    shares = np.repeat(_shares(*weights), [len(w) for w in weights])
    top = float(np.max(log_l[own > 0]))
    likelihood, log_z = np.exp(log_l - top), 0.0
    n_before, n_after = _shares(*weights)
    for _ in range(ROUNDS):
        before = shares * own / (n_before + n_after * likelihood * math.exp(-log_z))
        following = math.log(float(before @ likelihood) / float(before.sum()))
        is_settled, log_z = abs(following - log_z) < SETTLED, following
        if is_settled:
            break
    before = before / before.sum()
    after = before * likelihood
    return Pooled(before, after / after.sum(), log_l, log_z + top)


def _shares(*weights: np.ndarray) -> tuple[float, float]:
    """How much of the pooled draws comes from each belief, counted by effective draws."""
    effective = [1 / float(np.square(weight).sum()) for weight in weights]
    return effective[0] / sum(effective), effective[1] / sum(effective)


def learned(before: Posterior, after: Posterior, sample: Sample) -> Pooled:
    """What `sample` taught: `after` is the belief `before` with this level more, by the same engine.

    Given the earlier levels, a draw belongs to published model m with p_m, so that L = sum_m p_m p(level | C, a_m, b_m). After the level p_m is the earlier
    one times p(level | C, a_m, b_m) / L, so that there 1 / L = sum_m p_m / p(level | C, a_m, b_m).
    """
    each = [(np.asarray(p.weight, dtype=float), *_by_model(p, sample)) for p in (before, after)]
    (weight0, log_p0, log_l0), (weight1, log_p1, log_l1) = each
    with np.errstate(divide="ignore"):
        first, second = _log_sum(log_p0 + log_l0), -_log_sum(log_p1 - log_l1)
    return pool((weight0, weight1), (first, second))


def _log_sum(rows: Float[np.ndarray, "draw model"]) -> PerDraw:
    return np.asarray(torch.logsumexp(torch.as_tensor(rows), -1))


def _by_model(posterior: Posterior, sample: Sample) -> tuple[Float[np.ndarray, "draw model"], Float[np.ndarray, "draw model"]]:
    """Log-probability of each published model, and the log-likelihood of the level under it to the power of its trust, draw by draw."""
    curve = torch.as_tensor(predict(posterior, posterior.patient.doses, np.array([sample.time_h])).concentration_mg_per_L[:, 0]).double()
    level = torch.tensor(sample.lloq_mg_per_L if sample.is_below_lloq else sample.concentration_mg_per_L, dtype=torch.float64)
    is_below, found = torch.tensor(sample.is_below_lloq), errors_of(posterior)
    log_p = [np.log(np.broadcast_to(np.asarray(p, dtype=float), (len(curve),)).clip(1e-300)) for p, _ in found]
    log_l = [(sample.trust * log_likelihood(curve, level, is_below, error)).numpy() for _, error in found]
    return np.stack(log_p, 1), np.stack(log_l, 1)
