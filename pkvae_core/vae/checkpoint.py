"""What is shipped: weights as safetensors, everything else as JSON; never a pickle."""

import csv
import datetime
import hashlib
import json
import platform
from importlib.metadata import version
from pathlib import Path

from safetensors.torch import load_file, save_file

from pkvae_core.drugs.card import CARDS, load_card
from pkvae_core.drugs.published import MODELS
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


def write_provenance(provenance: dict, folder: Path) -> None:
    (folder / "model.json").write_text(json.dumps(provenance, indent=1) + "\n")


def load_model(drug: str | Path) -> PKVAE:
    """The trained model of a shipped drug (by its name) or in a folder; a ValueError says what is missing or does not fit."""
    folder = drug if isinstance(drug, Path) else CARDS / load_card(drug).drug
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
    model = PKVAE(Configuration.from_dict(provenance["configuration"]), load_card(provenance["drug"]), provenance)
    model.load_state_dict(load_file(weights))
    return model.eval().requires_grad_(False)


def training_curve(folder: Path) -> dict[str, list[float]]:
    """The parts of the negative ELBO over the steps of the training that made the model in `folder`, in nats a patient."""
    with open(folder / "training.csv", newline="") as file:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    curve = {name: [row[name] for row in rows] for name in ("step", "reconstruction")}
    for name, part in (("divergence from the student with levels", "student"), ("divergence from the prior", "prior")):
        curve[name] = [row[part] - row["entropy"] for row in rows]
    return curve
