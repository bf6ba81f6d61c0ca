"""Does every module import only what stands above it, and is it small enough to read at one sitting?"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ORDER: tuple[str, ...] = tuple(
    "patient wording exposure residual_error structural records drugs vae inference dosing case insight checks plots report commands __main__ pages app".split()
)
COMPUTING = {"vae", "inference", "dosing", "insight", "checks"}
SOURCES = sorted([*ROOT.glob("app.py"), *(path for top in ("pages", "pkvae_core", "tests") for path in (ROOT / top).rglob("*.py"))])
OURS = [path for path in SOURCES if path.relative_to(ROOT).parts[0] != "tests"]


def module_name(path: Path) -> str:
    """pkvae_core/vae/train.py is pkvae_core.vae.train; a package is named by its folder."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def layer(module: str) -> str:
    """The line of ORDER that a module of ours belongs to; "" for the bare package, which anybody may import."""
    parts = module.split(".")
    return parts[0] if parts[0] != "pkvae_core" else (parts[1] if len(parts) > 1 else "")


def imports(tree: ast.AST, module: str, is_package: bool) -> Iterator[tuple[str, str]]:
    """(module, name) for each thing that `tree` imports, inside functions too; name is "" for a plain `import module`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            own = module.split(".")
            base = own[: len(own) - node.level + is_package] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            yield from ((source, alias.name) for alias in node.names)


def imports_of(path: Path) -> list[tuple[str, str]]:
    return list(imports(ast.parse(path.read_text("utf-8")), module_name(path), path.name == "__init__.py"))


def is_ours(module: str) -> bool:
    return module.split(".")[0] in ("pkvae_core", "pages", "app")


def imported_layers(found: list[tuple[str, str]]) -> set[str]:
    """The lines of ORDER reached; `from pkvae_core import drugs` reaches drugs."""
    names = [f"{module}.{name}" if module == "pkvae_core" and name in ORDER else module for module, name in found]
    return {layer(name) for name in names if is_ours(name)} - {""}


def upward(own: str, reached: set[str]) -> set[str]:
    """Those of `reached` that stand below `own`."""
    return {name for name in reached if ORDER.index(name) > ORDER.index(own)}


@pytest.mark.parametrize("path", OURS, ids=module_name)
def test_a_module_imports_only_what_stands_above_it(path: Path):
    own = layer(module_name(path))
    if own:
        assert own in ORDER, f"{path.relative_to(ROOT)} has no place in the order of imports"
        assert not upward(own, imported_layers(imports_of(path)))


def test_the_rule_would_see_an_import_that_looks_down():
    found = list(imports(ast.parse("def f():\n    from pkvae_core import case\n    from ..dosing.target import Target"), "pkvae_core.records.table", False))
    assert upward("records", imported_layers(found)) == {"case", "dosing"}


def test_no_two_modules_import_each_other():
    graph = {module_name(path): {f"{m}.{n}" for m, n in imports_of(path)} | {m for m, _ in imports_of(path)} for path in OURS}
    graph = {module: (reached & graph.keys()) - {module} for module, reached in graph.items()}
    while leaves := {module for module, reached in graph.items() if not reached}:
        graph = {module: reached - leaves for module, reached in graph.items() if module not in leaves}
    assert not graph, f"these modules form a cycle, or lead to one: {graph}"


@pytest.mark.parametrize("path", OURS, ids=module_name)
def test_the_engine_knows_no_streamlit_and_pages_hold_no_maths(path: Path):
    own, roots = layer(module_name(path)), {module.split(".")[0] for module, _ in imports_of(path)}
    if module_name(path).startswith("pkvae_core"):
        assert "streamlit" not in roots
    if own in ("app", "plots") or module_name(path).startswith("pages."):  # the pages' shell alone names torch: it keeps it to one thread
        assert not roots & {"torch", "scipy", "safetensors"}


@pytest.mark.parametrize("path", [path for path in OURS if layer(module_name(path)) == "plots"], ids=module_name)
def test_plots_compute_nothing(path: Path):
    """A plot may name the types of what it draws, never a verb or a whole module that computes it."""
    verbs = [(module, name) for module, name in imports_of(path) if is_ours(module) and layer(module) in COMPUTING and not name[:1].isupper()]
    assert not verbs


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_a_file_is_read_at_one_sitting(path: Path):
    assert len(path.read_text("utf-8").splitlines()) <= 300


def test_there_is_no_drawer_for_odds_and_ends():
    drawers = {"utils", "util", "helpers", "helper", "common", "misc"}
    assert not [path for path in SOURCES if drawers & set(path.relative_to(ROOT).with_suffix("").parts)]
