"""How does a model of an own cohort come into the library (see `places`), how is it packed and read in elsewhere, and how is it removed?

A model consists of four files and holds no row of any
patient. What is still being trained, or was trained and not yet taken in, waits in the subfolder .drafts and is offered nowhere.
"""

import io
import json
import shutil
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

from safetensors import SafetensorError

from pkvae_core.drugs.card import DrugCard, available_drugs
from pkvae_core.drugs.own import key_of
from pkvae_core.drugs.places import FILES, NEEDED, library, own_models
from pkvae_core.vae.checkpoint import load_model
from pkvae_core.vae.vae import PKVAE

MOST_BYTES = 20_000_000  # of a packed model, and of what it unpacks to; ours have 1 to 2 MB
MOST_OF_ANYTHING = 64  # latents, components, terms, covariates of a model that is read in: whoever wrote it, it must not fill the memory
DRAFTS = ".drafts"


def drafts() -> Path:
    """Where models are trained before they are taken in."""
    return library() / DRAFTS


def fingerprint() -> tuple[tuple[str, int], ...]:
    """Changes when a model is added, replaced or removed: what a cache of loaded models goes by."""
    return tuple((key, (folder / "model.json").stat().st_mtime_ns) for key, folder in own_models().items())


def load_library() -> tuple[dict[str, PKVAE], tuple[str, ...]]:
    """Every model of the library by its key, and a sentence for each that cannot be read: one damaged model does not hide the others."""
    found, damaged = {}, []
    for key, folder in own_models().items():
        try:
            model = load_model(folder)
        except (ValueError, KeyError, TypeError, RuntimeError, OSError, SafetensorError) as error:
            damaged.append(f"The own model {key} cannot be used: {_first_line(error)}")
            continue
        for each in (model, *model.members):
            each.card = model.card.model_copy(update={"drug": key})
        found[key] = model
    return found, tuple(damaged)


def free_key(name: str) -> str:
    """The key for a new model of this name. Raises ValueError where a shipped drug or an own model has it already."""
    key = key_of(name)
    if key in available_drugs():
        raise ValueError(f"{name!r} is a shipped drug. Choose another name, such as {name.strip()} of our ward.")
    if (library() / key).exists():
        raise ValueError(f"there is a model called {name!r} in the library already. Choose another name, or delete that model first.")
    return key


def take_in(draft: Path) -> str:
    """Moves a finished draft into the library, where every page offers it; returns its key. Raises ValueError where it is not whole or the name is taken."""
    load_model(draft)
    key = free_key(draft.name)
    shutil.move(str(draft), str(library() / key))
    return key


def remove(folder: Path) -> None:
    """Deletes one model or draft of the library for good. Raises ValueError for any other folder."""
    if folder.parent not in (library(), drafts()) or folder.name.startswith("."):
        raise ValueError(f"{folder} is no model of the library; nothing was deleted.")
    shutil.rmtree(folder)


def pack(folder: Path) -> bytes:
    """A model as one zip file."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in FILES:
            if (folder / name).is_file():
                archive.write(folder / name, name)
    return content.getvalue()


def read_in(content: bytes, *, name: str = "") -> str:
    """Takes a packed model into the library, as it is called or under another `name`; returns its key.

    Raises ValueError, before anything is written there, where the file is no packed model, too large, damaged, or called like another.
    """
    with TemporaryDirectory() as place:
        folder = Path(place) / "model"
        folder.mkdir()
        for part, data in _parts(content).items():
            (folder / part).write_bytes(data)
        card = _checked(folder)
        key = free_key(name or card.name)
        if key != card.drug:
            _rename(folder, card, key, name or card.name)
        library().mkdir(parents=True, exist_ok=True)
        shutil.copytree(folder, library() / key)
    return key


def _parts(content: bytes) -> dict[str, bytes]:
    """The files of a packed model by name: these four, at the top, and no larger than `MOST_BYTES` together."""
    if len(content) > MOST_BYTES:
        raise ValueError(f"the file has {len(content) / 1e6:.0f} MB; a packed model has at most {MOST_BYTES / 1e6:.0f}. Choose another file.")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            if strange := [entry.filename for entry in entries if entry.filename not in FILES]:
                raise ValueError(f"the file holds {strange[0][:60]!r}, which is no part of a packed model ({', '.join(FILES)}). Choose another file.")
            if len({e.filename for e in entries}) < len(entries):
                raise ValueError("the file holds the same part twice. Choose another file.")
            if sum(entry.file_size for entry in entries) > MOST_BYTES:
                raise ValueError(f"the file unpacks to more than {MOST_BYTES / 1e6:.0f} MB; no model is that large. Choose another file.")
            found = {entry.filename: archive.read(entry) for entry in entries}
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise ValueError("this is no packed model: it cannot be opened as a zip file. Choose a file that was exported here.") from error
    if missing := [name for name in NEEDED if name not in found]:
        raise ValueError(f"the packed model lacks {' and '.join(missing)}. Export it again.")
    return found


def _checked(folder: Path) -> DrugCard:
    """The card of a model that comes from outside, once its format, its size, its checksum and its shapes are found right."""
    try:
        provenance = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        configuration = provenance["configuration"]
        sizes = [int(configuration.get(name, 0)) for name in ("latent", "components", "terms", "models", "routes", "arrivals")]
        sizes += [int(provenance.get("members", 1)), int(configuration.get("width", 0)) // 8]
        if max(*sizes, len(configuration["scales"]["mean"]), len(configuration["curve_times_h"]) // 10) > MOST_OF_ANYTHING:
            raise ValueError("its configuration is larger than any model of ours.")
        return load_model(folder).card
    except (KeyError, TypeError, AttributeError, RuntimeError, OverflowError, OSError, SafetensorError, ValueError) as error:
        raise ValueError(f"the packed model cannot be read: {_first_line(error)} Export it again where it came from.") from error


def _first_line(error: Exception) -> str:
    text = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
    return text if text.endswith(".") else f"{text}."


def _rename(folder: Path, card: DrugCard, key: str, name: str) -> None:
    """Another name and key on the card and in the provenance; the weights, and so their checksum, stay."""
    (folder / "card.json").write_text(card.model_copy(update={"drug": key, "name": name.strip()}).model_dump_json(indent=1))
    provenance = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps({**provenance, "drug": key}, indent=1) + "\n")
