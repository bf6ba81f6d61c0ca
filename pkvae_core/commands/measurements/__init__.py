"""What else than one drug's accuracy is measured: one file a measurement, each `TITLE`, `measure(seed, say) -> dict` and `markdown(found) -> str`."""

from types import ModuleType

from pkvae_core.commands.measurements import tacrolimus_auc

MEASUREMENTS: dict[str, ModuleType] = {"tacrolimus-auc": tacrolimus_auc}
