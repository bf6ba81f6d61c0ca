"""What was measured on the project as a whole, beside what each model's own model.json holds: one JSON file a measurement, shown by pages and README."""

import json
from collections.abc import Collection, Mapping
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "assets" / "measurements"


def record(name: str, found: dict) -> Path:
    """Write the figures of one measurement; returns the file."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{name}.json"
    path.write_text(json.dumps(found, indent=1) + "\n")
    return path


def recorded(name: str) -> dict | None:
    """The figures last recorded under this name; None when nothing is."""
    path = FOLDER / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def kept(name: str, head: dict, versions: Mapping[str, str], anew: Collection[str], *, key: str = "model") -> dict:
    """Recorded figures of drugs, measured with these settings (`head`) and these very versions (of what `key` says), less those to be measured anew."""
    before = recorded(name) or {}
    is_same = {key: before.get(key) for key in head} == head
    drugs = before.get("drugs", {}) if is_same else {}
    return {drug: each for drug, each in drugs.items() if drug not in anew and each.get(key) == versions.get(drug)}
