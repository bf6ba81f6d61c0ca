"""From which typical patients is a cohort best begun to be learned, where the one who lies closest to all levels pooled may have lost a second peak?

Waves that would have to cross each other hold a model fast: two peaks of one patient are then one broad one for it, and what it cannot draw it calls residual
error. Which starts end so shows after a few steps. So every guess is learned from for that long, from everybody, and those with the highest bounds become the
starts of the members, which begin again from where the guess was.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch

from pkvae_core.drugs.population import Population
from pkvae_core.vae.bound import Learner
from pkvae_core.vae.fitting import Fit, Rules, Split
from pkvae_core.vae.observed_model import ObservedVAE
from pkvae_core.vae.proposals import Proposals

STEPS = 50


def chosen(
    starts: Sequence[ObservedVAE], population: Population, rules: Rules, keep: int, report: Callable[[int, dict[str, float]], None]
) -> list[ObservedVAE]:
    """The `keep` starts from which everybody's levels are explained best after `STEPS` steps, the best first, untaught as they came."""
    everybody = torch.arange(len(population.covariates))
    split = Split(population, everybody, everybody, float(population.level[population.is_sample].min()))
    short = replace(rules, steps=STEPS, refine_steps=0, check_every=STEPS)
    order: list[tuple[int, float]] = []  # a start that has curves too steep for single precision comes last
    for i, start in enumerate(starts):
        fit = Fit(Learner(copy.deepcopy(start)), short, proposals=Proposals.of(len(everybody), start.configuration.latent))
        fit.run(split, lambda now: None, lambda done, found, i=i: report(i * STEPS + done, found))
        order.append((fit.skipped, fit.best_loss))
    return [starts[i] for i in sorted(range(len(starts)), key=order.__getitem__)[:keep]]
