"""`benchmark --of latent-size`: how many latent dimensions do three drugs need, by the evidence of patients that the models have not seen?"""

from collections.abc import Callable, Collection

import numpy as np

from pkvae_core.checks.latent_size import LEVELS, Size, latent_sizes
from pkvae_core.checks.recorded import kept
from pkvae_core.drugs.card import load_card
from pkvae_core.vae.checkpoint import load_model

NAME, KEEPS = "latent-size", True
TITLE = "models of 2 to 12 latent dimensions by held-out evidence (drugs recorded alike are kept), about 20 min a drug"
DRUGS, SIZES, STEPS, PATIENTS = ("vancomycin", "tacrolimus", "mycophenolate"), (2, 4, 6, 8, 12), 1500, 300
RESAMPLES = 2000


def measure(seed: int, say: Callable[[str], None], *, anew: Collection[str] = ()) -> dict:
    """Of every size: dimensions in use, and nats a patient short of the generating models and of the size nearest to the shipped one, with 95 % intervals."""
    head = {"seed": seed, "patients": PATIENTS, "levels": LEVELS, "steps": STEPS, "sizes": list(SIZES)}
    known = kept(NAME, head, {drug: load_card(drug).version for drug in DRUGS}, anew, key="card")
    return head | {"drugs": {drug: known.get(drug) or _of(drug, seed, say) for drug in DRUGS}}


def _of(drug: str, seed: int, say: Callable[[str], None]) -> dict:
    shipped = load_model(drug).configuration.latent
    sizes = latent_sizes(load_card(drug), SIZES, steps=STEPS, patients=PATIENTS, seed=seed, say=say)
    nearest = min(sizes, key=lambda size: abs(size.latent - shipped))
    return {"card": load_card(drug).version, "shipped": shipped, "sizes": [_row(size, nearest, seed) for size in sizes]}


def _row(size: Size, other: Size, seed: int) -> dict:
    return {"latent": size.latent, "in_use": size.in_use, "short": _mean(size.short, seed), "worse": _mean(size.short - other.short, seed)}


def _mean(value: np.ndarray, seed: int) -> list[float]:
    """A mean over patients with its 95 % interval by bootstrap."""
    drawn = value[np.random.default_rng(seed).integers(len(value), size=(RESAMPLES, len(value)))].mean(1)
    return [float(value.mean()), *(float(edge) for edge in np.quantile(drawn, (0.025, 0.975)))]


def markdown(found: dict) -> str:
    """One row a drug, one column a size."""
    head = ["drug (latents shipped)", *(f"{size} latents" for size in found["sizes"])]
    lines = [" | ".join(head), " | ".join(["---"] * len(head))]
    for drug, each in found["drugs"].items():
        lines.append(" | ".join([f"{load_card(drug).name} ({each['shipped']})", *(_cell(row) for row in each["sizes"])]))
    said = (
        f"Nats a patient short of the generating models (95 %), and latents in use; {found['steps']:,} steps of training each, "
        f"{found['patients']} fresh virtual patients with {found['levels']} levels."
    )
    return "\n".join([said, "", *(f"| {line} |" for line in lines)])


def _cell(row: dict) -> str:
    middle, low, high = row["short"]
    return f"{middle:.2f} ({low:.2f} to {high:.2f}), {row['in_use']}"
