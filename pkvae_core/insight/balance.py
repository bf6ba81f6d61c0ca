"""What if the prior counted less, or the levels did? The posterior with one of the two raised to a power; at 1 both, it is Bayes' rule.

p(z) ~ p(z | c)^prior p(levels | z)^levels
"""

from dataclasses import dataclass, replace

from pkvae_core.inference.flattened import LEAST_POWER, flattened
from pkvae_core.inference.posterior import Posterior
from pkvae_core.vae.vae import PKVAE


@dataclass(frozen=True)
class Balance:
    """The powers of the prior and of the levels' likelihood; at most one of them is below 1."""

    prior: float
    levels: float
    label: str

    @property
    def is_bayes(self) -> bool:
        return self.prior == self.levels == 1


BAYES = Balance(1, 1, "Bayes")
BALANCES = (
    Balance(LEAST_POWER, 1, "Prior ⅛"),
    Balance(0.25, 1, "Prior ¼"),
    Balance(0.5, 1, "Prior ½"),
    BAYES,
    Balance(1, 0.5, "Levels ½"),
    Balance(1, 0.25, "Levels ¼"),
    Balance(1, 0, "Only the prior"),
)


def balanced(model: PKVAE, posterior: Posterior, balance: Balance) -> Posterior:
    """The same patient's belief with these powers; `posterior` is the model's own, with both at 1."""
    if balance.prior < 1:
        return flattened(model, posterior, balance.prior, seed=posterior.seed)
    if balance.levels == 1:
        return posterior
    weaker = tuple(replace(sample, trust=sample.trust * balance.levels) for sample in posterior.patient.samples)
    return posterior.revise(replace(posterior.patient, samples=weaker))


def balance_words(balance: Balance) -> str:
    """What the powers mean."""
    if balance.is_bayes:
        return "Bayes' rule: the prior and the levels both count in full. This is what the Dose page works with."
    if balance.prior < 1:
        wider = f"{balance.prior**-0.5:.1f}".removesuffix(".0")
        return (
            f"The prior is raised to the power {balance.prior:g}: where it is a bell curve, {wider} times as wide. The levels count in full. "
            "Right for a patient unlike those from whom the prior was learned, wrong for any other: the answer then follows every error of the laboratory."
        )
    if balance.levels == 0:
        return "The levels' likelihood is raised to the power 0: they do not count, and what is left is what was believed before them."
    return (
        f"The levels' likelihood is raised to the power {balance.levels:g}: as if only {balance.levels:g} of each level had been measured. "
        "Right where times or doses are in doubt, or the patient has changed since."
    )
