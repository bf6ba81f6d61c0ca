"""Where do cards and models lie: those that are shipped, and the library of those that somebody made of an own cohort?

The library is the folder that the environment variable PKVAE_MODELS names, else .pkvae/models in the user's home; each subfolder is one model.
"""

import os
from pathlib import Path

CARDS = Path(__file__).parents[2] / "assets" / "drugs"
FILES = ("model.safetensors", "model.json", "card.json", "training.csv")
NEEDED = FILES[:3]


def library() -> Path:
    """The folder of own models; it need not exist."""
    return Path(os.environ.get("PKVAE_MODELS") or Path.home() / ".pkvae" / "models").expanduser()


def available_drugs() -> tuple[str, ...]:
    """Names of the drugs that have a card, which is shipped."""
    return tuple(sorted(path.parent.name for path in CARDS.glob("*/card.toml")))


def models_in(folder: Path) -> dict[str, Path]:
    """The whole models in a folder by key, in order; a subfolder that lacks a file, or is called like a shipped drug, is none."""
    if not folder.is_dir():
        return {}
    found = (each for each in sorted(folder.iterdir()) if not each.name.startswith(".") and each.name not in available_drugs())
    return {each.name: each for each in found if all((each / name).is_file() for name in NEEDED)}


def own_models() -> dict[str, Path]:
    """The folders of the own models that are offered, by key."""
    return models_in(library())


def folder_of(drug: str) -> Path:
    """The folder of a shipped drug, or of an own model. Raises ValueError where there is neither."""
    if drug in available_drugs():
        return CARDS / drug
    if (own := own_models().get(drug)) is not None:
        return own
    known = ", ".join((*available_drugs(), *own_models()))
    raise ValueError(
        f"there is no drug {drug!r}. Known drugs: {known}. An own model that is missing can be imported on the Models page, or named with --model."
    )
