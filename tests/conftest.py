"""What every test shares: shapes and types are checked while it runs, torch keeps to one thread, and a slow machine is no failure."""

import os
import tempfile

import hypothesis
import torch
from jaxtyping import install_import_hook

os.environ["PKVAE_MODELS"] = os.path.join(tempfile.gettempdir(), "pkvae-no-own-models")  # nobody's own models belong to a test
# Before anything of ours is imported. An int may stand where a float is asked for, as everywhere in Python.
install_import_hook("pkvae_core", "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))")
torch.set_num_threads(1)
# the same examples every time, so that a passing revision passes anywhere; EXPLORE=1 draws others
hypothesis.settings.register_profile("ours", deadline=None, derandomize=not os.environ.get("EXPLORE"))
hypothesis.settings.load_profile("ours")
