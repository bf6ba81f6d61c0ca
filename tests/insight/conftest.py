"""One model and one small map for all tests of insight that need them."""

import pytest
import torch

from pkvae_core.insight.latent import LatentMap, map_population
from pkvae_core.vae.checkpoint import load_model
from pkvae_core.vae.vae import PKVAE


@pytest.fixture(scope="session")
def vancomycin() -> PKVAE:
    return load_model("vancomycin")


@pytest.fixture(scope="session")
def population(vancomycin) -> LatentMap:
    return map_population(vancomycin, 400, torch.Generator().manual_seed(3))
