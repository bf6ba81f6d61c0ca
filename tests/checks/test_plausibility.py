"""Biology: the published model violates nothing, and each planted violation is found."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from pkvae_core.checks.engines import Engine
from pkvae_core.checks.plausibility import plausibility
from pkvae_core.checks.virtual import fresh
from pkvae_core.patient import Patient
from pkvae_core.structural.exponentials import Pulses
from pkvae_core.structural.responses import Responses


def altered(engine: Engine, change: Callable[[Responses], Responses]) -> Engine:
    """The same engine with other responses."""
    return Engine("planted", lambda patients, seed: [replace(p, responses=change(p.responses)) for p in engine.believe(patients, seed)])


@pytest.fixture(scope="module")
def patients(theophylline):
    return (*fresh(theophylline, 6, samples=2, seed=1).patients, Patient("no dose", covariates=fresh(theophylline, 1).patients[0].covariates))


@pytest.mark.parametrize("over", ["prior", "posterior"])
def test_a_published_model_violates_nothing(theophylline, engine_of, patients, over):
    found = plausibility(engine_of(theophylline), theophylline, patients, over=over, draws=50)
    assert [c.name for c in found.checks if not c.is_kept] == []
    assert len(found.checks) == 9 and all(c.tested == 7 * 50 for c in found.checks) and found.sentence.endswith("all kept.")


def broken(found) -> set[str]:
    return {c.name for c in found.checks if not c.is_kept}


def with_term(pulses: Pulses, amplitude: float, rate: float, route: int) -> Pulses:
    """One more exponential on one route, in parts of its first amplitude."""
    more = torch.zeros_like(pulses.amplitude[..., :1])
    more[:, :, route, 0] = amplitude * pulses.amplitude[:, :, route].abs().amax(-1)
    return Pulses(torch.cat([pulses.amplitude, more], -1), torch.cat([pulses.rate, torch.full_like(more, rate)], -1), pulses.lag)


@pytest.mark.parametrize(
    ("change", "law"),
    [
        (lambda p: with_term(with_term(p, -0.4, 0.001, 1), 0.0, 1.0, 1), "No negative concentration"),
        (lambda p: with_term(with_term(p, 1.0, 0.02, 0), -1.0, 0.06, 0), "No rising washout"),
        (lambda p: Pulses(p.amplitude * torch.tensor([1.0, 1.3])[:, None], p.rate, p.lag), "Nothing out of nothing"),
        (lambda p: Pulses(p.amplitude * torch.tensor([1.0, 0.7])[:, None], p.rate, p.lag), "Mass balance"),
        (lambda p: Pulses(p.amplitude * torch.tensor([1.0, 3.0])[:, None], p.rate, p.lag), "No more in the body than given"),
        (lambda p: Pulses(p.amplitude / 30, p.rate, p.lag), "Clearance that people have"),
        (lambda p: Pulses(p.amplitude / 30, p.rate / 30, p.lag), "Half-life that people have"),
    ],
)
def test_a_planted_violation_is_found(theophylline, engine_of, patients, change, law):
    planted = altered(engine_of(theophylline), lambda r: Responses(change(r.pulses)))
    found = plausibility(planted, theophylline, patients, draws=30)
    assert law in broken(found) and law in found.sentence
    named = next(c for c in found.checks if c.name == law)
    assert 0 < named.violated <= named.tested and named.worst_case.startswith("patient ")


def test_a_model_in_which_more_drug_gives_less_is_found(theophylline, engine_of, patients):
    class Saturated(Responses):
        def curves(self, doses, time):
            return tuple(table / (1 + doses.amount.sum(1) ** 2)[:, None, None] for table in Responses.curves(self, doses, time))

    found = plausibility(altered(engine_of(theophylline), lambda r: Saturated(r.pulses)), theophylline, patients, draws=10)
    assert "More drug, more exposure" in broken(found)


def test_one_bad_draw_in_many_is_counted_and_named(theophylline, engine_of, patients):
    def change(responses: Responses) -> Responses:
        amplitude = responses.pulses.amplitude.clone()
        amplitude[:, 3] /= 100
        return Responses(Pulses(amplitude, responses.pulses.rate, responses.pulses.lag))

    only = [p for p in patients if p.id == "2"]
    found = plausibility(altered(engine_of(theophylline, draws=40), change), theophylline, only, draws=40)
    volume = next(c for c in found.checks if c.name == "Volume that people have")
    assert (volume.tested, volume.violated) == (40, 1) and volume.worst_case.startswith("patient 2: ")
    assert not volume.is_kept  # one in forty is more than one in a hundred
