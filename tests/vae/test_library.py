"""Own models are kept outside the package, packed and read in whole, and nothing else comes in with them."""

import io
import json
import zipfile

import pytest

from pkvae_core.drugs.card import load_card
from pkvae_core.vae import library as shelf
from pkvae_core.vae.checkpoint import load_model
from tests.own import own_folder

KEY = "tobramycin-ward-7"


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("PKVAE_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


def packed(**parts: bytes | str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return content.getvalue()


def parts_of(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_an_empty_library_has_no_models_and_need_not_exist(place):
    assert shelf.own_models() == {} and shelf.fingerprint() == () and not place.exists()


def test_a_model_in_the_library_is_found_by_its_name_like_a_shipped_one(place):
    own_folder(place)
    assert list(shelf.own_models()) == [KEY]
    assert load_card(KEY).name == "Tobramycin, ward 7" and load_model(KEY).card.drug == KEY


def test_a_model_from_before_visits_differed_is_refused_with_what_to_do(place):
    folder = own_folder(place, "Tacrolimus, ward 7", drug="tacrolimus")
    assert load_model(folder).occasions is not None
    provenance = json.loads((folder / "model.json").read_text())
    del provenance["configuration"]["has_occasions"]
    (folder / "model.json").write_text(json.dumps(provenance))
    found, damaged = shelf.load_library()
    assert not found and "differ from visit to visit" in damaged[0] and "Adapt the shipped model anew" in damaged[0]


def test_what_is_packed_is_read_in_as_it_was(place, tmp_path):
    folder = own_folder(tmp_path / "elsewhere")
    content = shelf.pack(folder)
    assert shelf.read_in(content) == KEY
    assert parts_of(shelf.pack(place / KEY)) == parts_of(content)


def test_a_model_read_in_under_another_name_is_called_so(place, tmp_path):
    assert shelf.read_in(shelf.pack(own_folder(tmp_path / "elsewhere")), name="Ours") == "ours"
    assert load_model(place / "ours").card.name == "Ours" and load_model("ours").card.drug == "ours"


def test_a_second_model_of_the_same_name_is_refused_and_the_first_stays(place, tmp_path):
    content = shelf.pack(own_folder(tmp_path / "elsewhere"))
    shelf.read_in(content)
    before = shelf.fingerprint()
    with pytest.raises(ValueError, match="already"):
        shelf.read_in(content)
    with pytest.raises(ValueError, match="shipped drug"):
        shelf.read_in(content, name="Vancomycin")
    assert shelf.fingerprint() == before


@pytest.mark.parametrize("name", ["../evil.txt", "/etc/passwd", "sub/model.json", "model.pkl"])
def test_a_packed_file_that_is_no_part_of_a_model_is_refused_before_anything_is_written(place, tmp_path, name):
    parts = parts_of(shelf.pack(own_folder(tmp_path / "elsewhere")))
    with pytest.raises(ValueError, match="no part of a packed model"):
        shelf.read_in(packed(**parts, **{name: b"x"}))
    assert not place.exists() and not (tmp_path / "evil.txt").exists()


def test_weights_that_were_changed_are_refused(place, tmp_path):
    parts = parts_of(shelf.pack(own_folder(tmp_path / "elsewhere")))
    parts["model.safetensors"] = parts["model.safetensors"][:-1] + b"\x00"
    with pytest.raises(ValueError, match="checksum differs"):
        shelf.read_in(packed(**parts))
    assert not place.exists()


@pytest.mark.parametrize("content", [b"", b"no zip", packed(**{"model.json": "{}"})])
def test_what_is_no_packed_model_is_said(content):
    with pytest.raises(ValueError, match=r"no packed model|lacks"):
        shelf.read_in(content)


def test_a_bomb_is_refused_unopened(monkeypatch):
    monkeypatch.setattr(shelf, "MOST_BYTES", 10_000)
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.json", b"0" * 1_000_000)
    assert len(bomb.getvalue()) < 10_000
    with pytest.raises(ValueError, match="unpacks to more"):
        shelf.read_in(bomb.getvalue())


@pytest.mark.parametrize("change", [{"configuration": None}, {"configuration": {"latent": 10**7}}, {"sha256": 5}])
def test_a_description_that_makes_no_sense_is_one_sentence(tmp_path, change):
    parts = parts_of(shelf.pack(own_folder(tmp_path / "elsewhere")))
    provenance = json.loads(parts["model.json"])
    for name, value in change.items():
        provenance[name] = provenance[name] | value if isinstance(value, dict) else value
    with pytest.raises(ValueError, match="cannot be read"):
        shelf.read_in(packed(**parts | {"model.json": json.dumps(provenance).encode()}))


def test_one_damaged_model_does_not_hide_the_others(place):
    own_folder(place)
    damaged = own_folder(place, "Broken")
    (damaged / "card.json").write_text("{}")
    found, sentences = shelf.load_library()
    assert list(found) == [KEY] and len(sentences) == 1 and "broken" in sentences[0]


def test_a_draft_is_offered_once_it_is_taken_in(place):
    draft = own_folder(place / ".drafts")
    assert shelf.own_models() == {}
    assert shelf.take_in(draft) == KEY and list(shelf.own_models()) == [KEY] and not draft.exists()


def test_only_models_of_the_library_can_be_deleted(place, tmp_path):
    other = own_folder(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match="nothing was deleted"):
        shelf.remove(other)
    assert other.exists()
    shelf.remove(own_folder(place))
    assert shelf.own_models() == {}


def test_a_replaced_model_changes_the_fingerprint(place):
    own_folder(place)
    before = shelf.fingerprint()
    shelf.remove(place / KEY)
    assert shelf.fingerprint() != before
