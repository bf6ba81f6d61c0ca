"""The bands of every amount on the slider."""

from dataclasses import replace

import numpy as np

from pkvae_core.dosing.fan import BAND, fan
from pkvae_core.inference.posterior import predict
from pkvae_core.patient import Dose, Regimen

PAST = (Dose(0, 1000, 1), Dose(12, 1000, 1))
REGIMEN = Regimen(750, 12, 1, start_h=24)
TIMES = np.array([6.0, 23.0, 24.0, 25.0, 36.0, 48.0])


def test_the_fan_of_an_amount_is_the_prediction_of_its_doses(draws):
    posterior = draws(np.linspace(2, 6, 41), past=PAST)
    bands = fan(posterior, REGIMEN, (500, 750), TIMES)
    for amount, band in zip((500, 750), bands, strict=True):
        some = predict(posterior.resampled(400), (*PAST, *replace(REGIMEN, amount_mg=amount).doses(48)), TIMES)
        assert np.allclose(band[2], some.quantile(0.5), rtol=1e-3)


def test_before_the_new_regimen_every_amount_looks_alike(draws):
    bands = fan(draws(np.linspace(2, 6, 41), past=PAST), REGIMEN, (250, 2000), TIMES[:3])
    assert np.array_equal(bands[0], bands[1])


def test_quantiles_do_not_cross_and_more_drug_is_never_less(draws):
    bands = fan(draws(np.linspace(2, 6, 41), past=PAST), REGIMEN, (250, 500, 1000), TIMES)
    assert bands.shape == (3, len(BAND), len(TIMES))
    assert (np.diff(bands, axis=1) >= 0).all()
    assert (np.diff(bands, axis=0) >= 0).all()
