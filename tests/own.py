"""An own model for tests without any learning: a shipped model's weights under another name, as if it had come back unchanged from a cohort."""

import hashlib
import json
import shutil
from pathlib import Path

from safetensors.torch import load_file, save_file

from pkvae_core.drugs.card import CARDS, load_card
from pkvae_core.drugs.own import adapted_card, blank_card, key_of, observed_card
from pkvae_core.drugs.summary import covariate_distribution
from pkvae_core.patient import Covariate, Dose, Patient, Sample

COVARIATES = ("AGE", "SEX", "WT", "SCR")


def cohort(count: int = 24, *, product: str = "") -> tuple[Patient, ...]:
    """Patients on 100 mg every 12 h with two levels each; no two are alike."""
    found = []
    for i in range(count):
        values = (40.0 + 2 * (7 * i % 23), float(i % 2), 55.0 + 3 * (5 * i % 11), 0.7 + 0.05 * (3 * i % 13))
        doses = tuple(Dose(12.0 * k, 100.0 + 20 * (i % 3), 0.5, product) for k in range(4))
        levels = (Sample(25.5, 4.0 + 0.1 * (i % 9)), Sample(35.0, 1.0 + 0.05 * (i % 7)))
        found.append(Patient(f"P{i}", doses, levels, tuple(Covariate(n, v) for n, v in zip(COVARIATES, values, strict=True))))
    return tuple(found)


def csv_of(patients: tuple[Patient, ...]) -> str:
    """The cohort as a file."""
    lines = ["ID,TIME,AMT,DUR,DV," + ",".join(COVARIATES)]
    for p in patients:
        known = ",".join(f"{p.covariate(name):g}" for name in COVARIATES)
        events = [(d.time_h, f"{d.amount_mg:g},{d.infusion_h:g},") for d in p.doses] + [(s.time_h, f",,{s.concentration_mg_per_L:g}") for s in p.samples]
        lines += [f"{p.id},{time_h:g},{cells},{known}" for time_h, cells in sorted(events)]
    return "\n".join(lines) + "\n"


def own_folder(place: Path, name: str = "Tobramycin, ward 7", *, drug: str = "tobramycin", is_alone: bool = False, **more) -> Path:
    """A folder with such a model. `is_alone`: its card is one from scratch, without published models; `more` goes into the provenance."""
    patients, shipped, folder = cohort(), load_card(drug), place / key_of(name)
    card = adapted_card(shipped, patients, name=name, cohort="ward7.csv")
    if is_alone:
        blank = blank_card(name).model_copy(update={"products": shipped.products, "covariates": shipped.covariates})
        card = observed_card(blank, patients, cohort="ward7.csv").model_copy(update={"covariates": shipped.covariates})
    folder.mkdir(parents=True)
    shutil.copy(CARDS / drug / "model.safetensors", folder)
    provenance = json.loads((CARDS / drug / "model.json").read_text())
    errors = {"errors": [[0.2, 0.3]] * (2 if not is_alone else 1)}
    provenance |= {"origin": "cohort", "name": name, "drug": card.drug, "cohort": "ward7.csv", "covariates": covariate_distribution(card, patients), **more}
    provenance["training"] = {"origin": "adapted", "start": drug, "patients": len(patients), "levels": 48}
    provenance["configuration"] |= errors
    if is_alone:
        _leave_one_error(folder, provenance)
    (folder / "model.json").write_text(json.dumps(provenance))
    (folder / "card.json").write_text(card.model_dump_json(indent=1))
    (folder / "training.csv").write_text("member,step,train,held_out\n1,5,3.2,3.4\n1,10,2.9,3.1\n")
    return folder


def _leave_one_error(folder: Path, provenance: dict) -> None:
    """Nobody asks any more which published model a patient follows: one residual error is left."""
    tensors = load_file(folder / "model.safetensors")
    last = max(name for name in tensors if name.startswith("member") and name.endswith("weight")).removesuffix("weight")
    save_file(tensors | {name: tensors[name][:1].clone() for name in (f"{last}weight", f"{last}bias")}, folder / "model.safetensors")
    provenance["configuration"]["models"] = 1
    provenance["sha256"] = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
