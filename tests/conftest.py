"""What every test shares: shapes and types are checked while it runs, torch keeps to one thread, and a slow machine is no failure."""

import hypothesis
import torch
from jaxtyping import install_import_hook

# Before anything of ours is imported. An int may stand where a float is asked for, as everywhere in Python.
install_import_hook("pkvae_core", "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))")
torch.set_num_threads(1)
hypothesis.settings.register_profile("ours", deadline=None)
hypothesis.settings.load_profile("ours")
