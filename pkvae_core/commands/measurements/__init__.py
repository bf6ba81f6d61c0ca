"""What else than one drug's accuracy is measured: one file a measurement, each `TITLE`, `measure(seed, say) -> dict` and `markdown(found) -> str`."""

from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

MEASUREMENTS: dict[str, ModuleType] = {each.name.replace("_", "-"): import_module(f"{__name__}.{each.name}") for each in iter_modules(__path__)}
