"""How badly do the levels fit what the model believes once it has seen them, and how far did they push it?"""

import numpy as np
from scipy.special import chdtrc

from pkvae_core.inference.observable import errors_of
from pkvae_core.inference.posterior import Posterior, predict

COUNTS = 0.5  # a level whose trust is below this is too old or too doubtful to speak against a model


def misfit(posterior: Posterior) -> float:
    """Posterior-predictive probability of deviations as large as these: sum over draws of w P(chi2_n >= sum of squared standardised deviations).

    A level below its limit deviates by as much as the draw lies above the limit.
    """
    samples = [s for s in posterior.patient.samples if s.trust >= COUNTS]
    if not samples:
        return 1.0
    predicted = predict(posterior, posterior.patient.doses, [s.time_h for s in samples])
    concentration = predicted.concentration_mg_per_L.astype(float)
    level = np.array([s.lloq_mg_per_L if s.is_below_lloq else s.concentration_mg_per_L for s in samples], dtype=float)
    deviation = level - concentration
    deviation = np.where([s.is_below_lloq for s in samples], np.minimum(deviation, 0), deviation)
    total = 0.0
    for share, error in errors_of(posterior):
        sd = np.maximum(np.hypot(error.additive_mg_per_L, error.proportional * concentration), 1e-6)
        total += float(np.asarray(predicted.weight) @ (share * chdtrc(len(samples), ((deviation / sd) ** 2).sum(1))))
    return total


def latent_distance(posterior: Posterior, prior: Posterior) -> tuple[float, float] | None:
    """Mahalanobis distance of the posterior mean of z under the prior p(z|c), and its tail probability; None for an engine without z.

    Over patients the posterior mean varies by S - S_post around the prior's mean (law of total variance), so its squared distance is a sum of chi-squares
    weighted with the eigenvalues of 1 - S^-1 S_post; its tail after Satterthwaite (Biometrics 1946;2:110).
    """
    if posterior.z is None or prior.z is None:
        return None
    (centre, covariance), (mean, left) = (_moments(np.asarray(p.z, float), np.asarray(p.weight, float)) for p in (prior, posterior))
    root = np.linalg.inv(np.linalg.cholesky(covariance + 1e-9 * np.eye(len(centre))))
    learned = np.clip(1 - np.linalg.eigvalsh(root @ left @ root.T), 1e-3, 1)
    square = float(np.square(root @ (mean - centre)).sum())
    scale, freedom = (learned**2).sum() / learned.sum(), learned.sum() ** 2 / (learned**2).sum()
    return square**0.5, float(chdtrc(freedom, square / scale))


def _moments(z: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean [latent] and covariance [latent, latent] of weighted draws [draw, latent]."""
    mean = weight @ z
    return mean, ((z - mean).T * weight) @ (z - mean)
