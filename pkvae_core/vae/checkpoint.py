"""What is shipped: weights as safetensors, everything else as JSON; never a pickle."""

import csv
import datetime
import hashlib
import json
import platform
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from pydantic import ValidationError
from safetensors.torch import load_file, save_file

from pkvae_core.drugs.card import DrugCard, load_card
from pkvae_core.drugs.occasions import varies_between_occasions
from pkvae_core.drugs.places import folder_of
from pkvae_core.drugs.published import MODELS
from pkvae_core.vae.observed_model import Ensemble, built
from pkvae_core.vae.vae import PKVAE, Configuration

FORMAT = 2


def save_model(model: PKVAE, folder: Path, *, training: dict) -> None:
    """Write the weights and their provenance; held-out figures are added by the benchmark."""
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, folder / "model.safetensors")
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    today = datetime.date.today()
    model.provenance = {
        "format": FORMAT,
        "drug": model.card.drug,
        "version": f"{model.card.drug}-{today:%Y.%m.%d}-{digest[:6]}",
        "trained": f"{today:%Y-%m-%d}",
        "sha256": digest,
        "card_version": model.card.version,
        "published_models": [
            {"name": m.name, "weight": m.weight, "citation": MODELS[m.name].citation, "doi": MODELS[m.name].doi} for m in model.card.published_models
        ],
        "training": training,
        "configuration": model.configuration.to_dict(),
        "packages": {"python": platform.python_version(), **{p: version(p) for p in ("torch", "numpy", "safetensors")}},
        "command": f"python -m pkvae_core train {model.card.drug} --seed {training['seed']} --steps {training['steps']}",
        "held_out": {},
    }
    write_provenance(model.provenance, folder)


def save_cohort_model(model: PKVAE, folder: Path, *, training: dict, curves: Sequence[Sequence[Sequence[float]]]) -> None:
    """Write a model that was learned from a cohort: its weights and provenance, its card, and how the bound went (`curves`, member by member)."""
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, folder / "model.safetensors")
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    today, card = datetime.date.today(), model.card
    model.provenance = {
        "format": FORMAT,
        "origin": "cohort",
        "name": card.name,
        "drug": card.drug,
        "version": f"{card.drug}-{today:%Y.%m.%d}-{digest[:6]}",
        "trained": f"{today:%Y-%m-%d}",
        "sha256": digest,
        "card_version": card.version,
        "members": len(model.members),
        "training": training,
        "errors": [asdict(error) for error in model.errors],
        "configuration": model.configuration.to_dict(),
        "packages": {"python": platform.python_version(), **{p: version(p) for p in ("torch", "numpy", "safetensors")}},
        "held_out": {},
    }
    lines = [f"{i + 1},{step:.0f},{train:.5g},{held_out:.5g}" for i, curve in enumerate(curves) for step, train, held_out in curve]
    (folder / "training.csv").write_text("\n".join(["member,step,train,held_out", *lines]) + "\n")
    (folder / "card.json").write_text(card.model_dump_json(indent=1) + "\n")
    write_provenance(model.provenance, folder)


def write_provenance(provenance: dict, folder: Path) -> None:
    (folder / "model.json").write_text(json.dumps(provenance, indent=1) + "\n")


def load_model(drug: str | Path) -> PKVAE:
    """The trained model of a shipped drug or of the library (by its name), or in a folder; a ValueError says what is missing or does not fit."""
    folder = drug if isinstance(drug, Path) else folder_of(drug)
    provenance_file, weights = folder / "model.json", folder / "model.safetensors"
    if not (provenance_file.exists() and weights.exists()):
        raise ValueError(f"{folder} holds no trained model (model.safetensors with model.json). Train one: python -m pkvae_core train {folder.name}")
    provenance = json.loads(provenance_file.read_text())
    if provenance.get("format") != FORMAT:
        raise ValueError(f"{provenance_file} has the format {provenance.get('format')}; this program reads format {FORMAT}. Train the model again.")
    if hashlib.sha256(weights.read_bytes()).hexdigest() != provenance["sha256"]:
        raise ValueError(
            f"{weights} is not the file that {provenance_file.name} describes (its checksum differs). Copy both files again, or train the model again."
        )
    card, configuration = _card_beside(folder) or load_card(provenance["drug"]), Configuration.from_dict(provenance["configuration"])
    if varies_between_occasions(card) and not configuration.has_occasions:
        raise ValueError(f"{folder.name} does not know that patients differ from visit to visit. Adapt the shipped model anew, or train it again.")
    each = [built(configuration, card, provenance) for _ in range(provenance.get("members", 1))]
    model = each[0] if len(each) == 1 else Ensemble(each, provenance)
    model.load_state_dict(load_file(weights))
    return model.eval().requires_grad_(False)


def _card_beside(folder: Path) -> DrugCard | None:
    """The card of a model that has its own; None for the shipped drugs."""
    path = folder / "card.json"
    if not path.exists():
        return None
    try:
        return DrugCard.model_validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        raise ValueError(f"{path} is not a drug card: {error.errors()[0]['msg']}. Copy the model's folder again, or train the model again.") from error


def learning_curve(folder: Path) -> dict[int, dict[str, list[float]]]:
    """How a cohort's model was learned: of each member the steps, and the negative bounds (nats a patient) of its own patients and of those held out."""
    with open(folder / "training.csv", newline="") as file:
        found: dict[int, dict[str, list[float]]] = {}
        for row in csv.DictReader(file):
            member = found.setdefault(int(row["member"]), {"step": [], "train": [], "held_out": []})
            for name, values in member.items():
                values.append(float(row[name]))
    return found


def training_curve(folder: Path) -> dict[str, list[float]]:
    """The parts of the negative ELBO over the steps of the training that made the model in `folder`, in nats a patient."""
    with open(folder / "training.csv", newline="") as file:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    curve = {name: [row[name] for row in rows] for name in ("step", "reconstruction")}
    for name, part in (("divergence from the student with levels", "student"), ("divergence from the prior", "prior")):
        curve[name] = [row[part] - row["entropy"] for row in rows]
    return curve
