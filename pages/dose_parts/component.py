"""How a piece of our own JavaScript becomes a Streamlit component in our colours."""

from collections.abc import Callable
from dataclasses import asdict

from streamlit.components.v2 import component as register

from pages import ROOT
from pkvae_core.plots.theme import PALETTES

FOLDER = ROOT / "assets" / "components"


def component(name: str, *scripts: str) -> Callable:
    """The component `name` (its .html and .css stand beside its scripts in assets/components), to be mounted with `data=`."""
    css = _roles() + (FOLDER / f"{name}.css").read_text("utf-8")
    js = "\n".join((FOLDER / script).read_text("utf-8") for script in scripts)
    return register(f"pkvae_{name}", html=(FOLDER / f"{name}.html").read_text("utf-8"), css=css, js=js)


def _roles() -> str:
    """The palette as CSS variables that follow the theme by themselves."""
    light, dark = asdict(PALETTES["light"]), asdict(PALETTES["dark"])
    roles = [f"--{role.replace('_', '-')}:light-dark({light[role]},{dark[role]});" for role in light]
    return f":host{{{''.join(roles)}--on-primary:light-dark(#ffffff,#062029)}}\n"
