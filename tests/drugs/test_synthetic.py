"""The teaching drugs are what their cards say: two sites and a meal, a power of time, and nobody's medicine."""

import pytest
import torch
from scipy.signal import find_peaks

from pkvae_core.drugs.card import available_drugs, load_card
from pkvae_core.drugs.population import simulate
from pkvae_core.drugs.published import MODELS
from pkvae_core.drugs.published.model import pulses
from pkvae_core.structural.compartments import power_law
from pkvae_core.structural.exponentials import Doses, Pulses, superpose

SYNTHETIC = ("power_law", "two_sites")


def one_dose(response: Pulses, time: torch.Tensor, route: int = 1) -> torch.Tensor:
    """Concentration [subject time] after 1 mg at 0."""
    count = len(response.lag)
    dose = Doses(torch.zeros(count, 1), torch.ones(count, 1), torch.zeros(count, 1), torch.full((count, 1), route))
    return superpose(response, dose, time.expand(count, -1))[0][:, 0]


def two_sites(fed: float, normal: torch.Tensor) -> dict[str, torch.Tensor]:
    return MODELS["twosites2026"].at({"FED": torch.full((len(normal),), fed)}, normal)


def normals(count: int) -> torch.Tensor:
    return torch.randn(count, 1, len(MODELS["twosites2026"].variance), dtype=torch.float64, generator=torch.Generator().manual_seed(4))


def test_what_is_synthetic_says_so_and_gives_no_dose():
    assert set(SYNTHETIC) == {drug for drug in available_drugs() if load_card(drug).synthetic}
    for drug in SYNTHETIC:
        card = load_card(drug)
        assert "(teaching)" in card.name and not card.gives_dose and not card.targets
        assert all("made up" in MODELS[m.name].citation and not MODELS[m.name].doi for m in card.published_models)


def test_most_patients_have_two_peaks_fed_and_fasted():
    virtual = simulate(load_card("two_sites"), 400, torch.Generator().manual_seed(5), changing=0)
    curves, fed = one_dose(virtual.pulses, torch.arange(1, 241) / 10).numpy(), virtual.population.covariates[:, 0]
    peaks = torch.tensor([len(find_peaks(curve, prominence=0.1 * curve.max())[0]) for curve in curves])
    assert (peaks[fed == 0] >= 2).float().mean() > 0.9
    assert (peaks[fed == 1] >= 2).float().mean() > 0.7


def test_nothing_is_there_before_the_first_lag_and_everything_arrives():
    parameters = two_sites(0.0, normals(50))
    response = pulses(parameters)
    time = torch.linspace(0.01, 30, 600)
    curve, is_early = one_dose(response, time), time < parameters["tlag"].float()
    assert bool((curve[is_early] == 0).all()) and bool((curve[~is_early] > 0).all())
    assert torch.allclose(response.auc()[..., 1].double(), 1 / parameters["CL"], rtol=1e-4)


def test_a_meal_delays_the_first_site_slows_it_and_favours_the_second():
    fasted, fed = (two_sites(state, normals(50)) for state in (0.0, 1.0))
    assert bool((fed["tlag"] > 2 * fasted["tlag"]).all()) and bool((fed["ka"] < fasted["ka"]).all()) and bool((fed["odds"] < fasted["odds"]).all())
    assert all(torch.equal(fed[name], fasted[name]) for name in ("CL", "V1", "ka2", "tlag2"))


def test_whoever_had_eaten_has_not_at_the_next_change():
    population = simulate(load_card("two_sites"), 300, torch.Generator().manual_seed(6), changing=1.0).population
    assert torch.equal(population.history.covariates[:, -1], 1 - population.covariates)
    assert set(population.covariates.unique().tolist()) == {0.0, 1.0}


@pytest.mark.parametrize("alpha", [0.55, 0.6, 0.7])
def test_the_power_law_is_straight_on_two_logarithmic_scales(alpha):
    """Far from the fastest and the slowest exponential the local slope is -alpha: within 0.05 from 5 h to 20 h, within 0.16 from 3 h to 100 h."""
    CL, exponent, fastest = (torch.tensor(value, dtype=torch.float64) for value in (6.0, alpha, 1.0))
    amplitude, rate = power_law(CL, exponent, fastest)
    time = torch.logspace(0.5, 2.0, 60, dtype=torch.float64)
    term = amplitude[:, None] * torch.exp(-rate[:, None] * time)
    slope = -(rate[:, None] * term).sum(0) * time / term.sum(0)
    off = (slope + alpha).abs()
    assert bool((off < 0.16).all()) and bool((off[(time > 5) & (time < 20)] < 0.05).all())
    assert float((amplitude / rate).sum()) == pytest.approx(1 / 6.0)


def test_no_half_life_describes_the_power_law():
    """What takes a day to halve at first takes weeks at last."""
    CL, alpha, fastest = (torch.tensor([[value]]) for value in (6.0, 0.6, 1.0))
    curve = one_dose(pulses({"CL": CL, "alpha": alpha, "fastest": fastest}), torch.tensor([2.0, 4.0, 300.0, 600.0]), route=0)[0]
    assert curve[1] / curve[0] == pytest.approx(2**-0.6, rel=0.05)
    assert curve[3] / curve[2] > 0.5
