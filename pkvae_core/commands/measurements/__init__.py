"""What else than one drug's accuracy is measured: one file a measurement, each `TITLE`, `measure(seed, say) -> dict` and `markdown(found) -> str`."""

from types import ModuleType

from pkvae_core.commands.measurements import latent_map

MEASUREMENTS: dict[str, ModuleType] = {"map": latent_map}
