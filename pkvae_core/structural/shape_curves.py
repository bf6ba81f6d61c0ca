"""What does one dose do in seven kinds of body that no compartment model of one or two compartments describes? Concentrations, mg/L.

Each takes the parameters [patient], the dose (mg) [patient], and the hours after it [time]. Doses are swallowed, but for the multi-phase one.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from pkvae_core.structural.compartments import one_compartment
from pkvae_core.structural.exponentials import Doses, superpose
from pkvae_core.structural.ode import integrate
from pkvae_core.structural.onset import swallowed
from pkvae_core.structural.quasi_steady import QuasiSteady
from pkvae_core.structural.recirculation import Recirculating, recirculate
from pkvae_core.structural.saturable import Saturable

Parameters = dict[str, Float[Tensor, " patient"]]
Dose = Float[Tensor, " patient"]
Time = Float[Tensor, " time"]
Curves = Float[Tensor, "patient time"]

SECOND_MEAL_H = 6.0  # after the first
FINER = 2.0  # steps, of what a search for doses gets: here a target's turn within an hour is to be seen


def multi_phase(p: Parameters, dose: Dose, time: Time) -> Curves:
    """Into the vein: C = dose/V ((1 - w) exp(-(t/tau)^s) + w (1 + t/t0)^-alpha), a stretched exponential and a power law. No compartments make either."""
    V, tau, s, t0, alpha, w = (p[name][:, None] for name in ("V", "tau", "stretch", "t0", "power", "share"))
    return dose[:, None] / V * ((1 - w) * torch.exp(-((time / tau) ** s)) + w * (1 + time / t0) ** -alpha)


def _wave(p: Parameters, dose: Dose, time: Time, *, ka: Tensor, lag: Tensor, hours: Tensor | None = None, stages: int = 1) -> Curves:
    """One compartment reached from the gut: `lag` hours after the dose it begins to arrive, over `hours`, through `stages` of the rate `ka`."""
    amplitude, rate = one_compartment(p["CL"], p["V"])
    pulses = swallowed(amplitude[:, None], rate[:, None], ka[:, None], lag[:, None], stages=stages)
    still, mouth = torch.zeros_like(dose)[:, None], torch.ones(len(dose), 1, dtype=torch.long)
    doses = Doses(still, dose[:, None], still if hours is None else hours[:, None], mouth)
    return superpose(pulses, doses, time.expand(len(dose), -1))[0][:, 0]


def delayed(p: Parameters, dose: Dose, time: Time) -> Curves:
    """A lag, then three transit compartments that take `transit` hours together."""
    return _wave(p, dose, time, ka=3 / p["transit"], lag=p["lag"], stages=3)


def two_sites(p: Parameters, dose: Dose, time: Time) -> Curves:
    """A share is absorbed from a second site, hours after the first."""
    first = _wave(p, dose * (1 - p["share"]), time, ka=p["ka"], lag=p["lag1"])
    return first + _wave(p, dose * p["share"], time, ka=p["ka2"], lag=p["lag2"])


def food(p: Parameters, dose: Dose, time: Time) -> Curves:
    """Fasted: absorbed at once with ka. Fed: the stomach lets it go at a constant rate over `emptying` hours, and `gain` times as much is absorbed."""
    fed = p["fed"]
    return _wave(p, dose * torch.where(fed > 0, p["gain"], 1), time, ka=p["ka"], lag=p["lag"] * (1 + fed), hours=p["emptying"] * fed)


def recirculation(p: Parameters, dose: Dose, time: Time) -> Curves:
    """Bile gathers a share of the metabolite; two meals empty it into the gut, where it turns into drug again."""
    wide = {name: value[:, None] for name, value in p.items()}
    turnover = wide["CLm"] / wide["Vm"] / (1 - wide["share"])
    names = {"CL": "CL", "V1": "V", "Q": "Q", "V2": "V2", "ka": "ka", "share": "share", "emptied": "emptied"}
    body = Recirculating(turnover=turnover, lag=0 * turnover, **{field: wide[name] for field, name in names.items()})
    still = torch.zeros_like(dose)[:, None]
    meals = torch.stack([p["meal"], p["meal"] + SECOND_MEAL_H], 1)
    doses = Doses(still, dose[:, None], still, torch.ones(len(dose), 1, dtype=torch.long))
    return recirculate(body, doses, time.expand(len(dose), -1), meals=meals)[0][:, 0]


def _simulated(body: Saturable | QuasiSteady, dose: Dose, time: Time) -> Curves:
    still = torch.zeros_like(dose)[:, None]
    doses = Doses(still, dose[:, None], still, torch.ones(len(dose), 1, dtype=torch.long))
    return integrate(body, doses, time.expand(len(dose), -1), finer=FINER)[0][:, 0]


def saturable(p: Parameters, dose: Dose, time: Time) -> Curves:
    """Michaelis-Menten elimination."""
    return _simulated(Saturable(*(p[name][:, None] for name in ("Vmax", "Km", "V", "ka"))), dose, time)


def target_mediated(p: Parameters, dose: Dose, time: Time) -> Curves:
    """A target that binds the drug and takes it with it; the free drug."""
    return _simulated(QuasiSteady(*(p[name][:, None] for name in ("CL", "V", "ka", "R0", "KSS", "kdeg", "kint"))), dose, time)
