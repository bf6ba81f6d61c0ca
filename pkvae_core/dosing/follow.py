"""What is there to say of a drug that nobody doses here: the exposure from what was given, and if it goes on."""

import numpy as np
import torch
from jaxtyping import Float

from pkvae_core.dosing.option import Interval90
from pkvae_core.dosing.recommend import Recommendation
from pkvae_core.dosing.target import Target
from pkvae_core.drugs.population import course
from pkvae_core.exposure import weighted_quantiles
from pkvae_core.inference.posterior import Posterior

HORIZONS = 2  # of the card's, after which nothing is left of a drug that has to be simulated


def no_recommendation(posterior: Posterior) -> Recommendation:
    """Nothing is ranked, with the card's reason."""
    return Recommendation(Target.of(posterior.card), (), None, posterior.card.why_no_dose, ())


def area_of_all_doses(posterior: Posterior) -> Interval90:
    """AUC (mg h/L) of the recorded doses to infinity, with the clearance of now: median, and the ends of the 90 % interval."""
    return tuple(weighted_quantiles(_areas(posterior)[:, None], posterior.weight.double().numpy(), (0.5, 0.05, 0.95))[:, 0].tolist())


def _areas(posterior: Posterior) -> Float[np.ndarray, " draw"]:
    card, doses = posterior.card, posterior.patient.doses
    if not posterior.responses.is_dose_proportional:
        end_h = max(dose.time_h for dose in doses) + HORIZONS * card.horizon_h
        return posterior.responses.settled().curves(course(card, [doses]), torch.tensor([[end_h]]))[1][0, :, 0].double().numpy()
    each = posterior.responses.pulses.auc()[0].double().numpy()
    total = np.zeros(len(each))
    for dose in doses:
        product = card.product(dose.product)
        total += product.active_mg(dose.amount_mg) * product.bioavailability * each[:, card.routes.index(product.route)]
    return total
