"""`benchmark --of complexity`: how many simple patients are called complex, and how well both kinds are told apart."""

import time
from collections.abc import Callable

import numpy as np
import torch

from pkvae_core.checks.coverage import wilson
from pkvae_core.checks.recorded import recorded
from pkvae_core.checks.second_peaks import separation
from pkvae_core.checks.virtual import as_patients
from pkvae_core.drugs.card import CARDS, DrugCard, available_drugs, load_card
from pkvae_core.drugs.population import rows, simulate
from pkvae_core.drugs.published import MODELS
from pkvae_core.drugs.published.model import PublishedModel
from pkvae_core.insight.hybrid import LEAST_P, Rivals, classify, fit_rivals, labelled_scores, one_compartment_twins
from pkvae_core.vae.checkpoint import load_model

NAME = "complexity"
TITLE = "simple patients called complex, and how well virtual patients of known kind are told apart (figures of the very same model are kept), 2 min a drug"
SIMPLE, PUBLISHED, LABELLED, OFFSET = 150, 60, 300, 6_500_000_003
PLAIN = {"CL", "V1", "ka", "tlag"}  # the parameters of one compartment, swallowed or not
EDGES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


def measure(seed: int, say: Callable[[str], None]) -> dict:
    """False alarms among true one-compartment patients, hits among the published models' patients, area under the ROC curve, Brier score, calibration.

    Of every trained drug, with the estimates of its compartment models, which the Profiles page begins with; drugs without figures come first. Interrupted
    (Ctrl-C), it answers with what is known by then.
    """
    versions = {drug: load_model(drug).version for drug in available_drugs() if (CARDS / drug / "model.safetensors").exists()}
    found = known(versions, seed)
    try:
        for drug in sorted(versions, key=lambda name: name in found):
            if is_settled(found.get(drug)):
                say(f"{drug}: as recorded for {versions[drug]}")
                continue
            say(f"{drug} ...")
            rivals = fit_rivals(load_model(drug), seed=seed)
            found[drug] = of_drug(rivals, seed) | {"rivals": rivals.plain()}
            say(f"{drug}: {found[drug]}")
    except KeyboardInterrupt:
        say("interrupted: what was measured by now is kept")
    return together({drug: found[drug] for drug in versions if drug in found}, seed)


def known(versions: dict[str, str], seed: int) -> dict:
    """Recorded figures that hold for these models and this seed."""
    before = recorded(NAME) or {}
    is_same = (before.get("seed"), before.get("labelled")) == (seed, LABELLED)
    return {drug: each for drug, each in before.get("drugs", {}).items() if is_same and versions.get(drug) == each["model"]}


def is_settled(figures: dict | None) -> bool:
    """Whether a drug's figures come from as many patients as are asked for."""
    return figures is not None and (figures["false_alarms"]["of"], figures["called_complex"]["of"]) == (SIMPLE, PUBLISHED)


def together(found: dict, seed: int) -> dict:
    """The record of these drugs' figures, false alarms pooled over them."""
    called, of = (sum(each["false_alarms"][name] for each in found.values()) for name in ("called", "of"))
    return {"seed": seed, "labelled": LABELLED, "nominal": LEAST_P, "false_alarms": _share(called, of), "drugs": found}


@torch.no_grad()
def of_drug(rivals: Rivals, seed: int) -> dict:
    generator = torch.Generator().manual_seed(OFFSET + seed)
    population = simulate(rivals.card, SIMPLE, generator, changing=0.0).population
    simple, published = one_compartment_twins(rivals, population, generator), rows(population, torch.arange(PUBLISHED))
    began = time.process_time()
    called = [sum(each.is_complex for each in classify(rivals, as_patients(rivals.card, some), seed=seed)) for some in (simple, published)]
    took = (time.process_time() - began) / (SIMPLE + PUBLISHED)
    score, is_complex = labelled_scores(rivals, LABELLED, seed=seed + 77)
    probability = np.array([rivals.probability(float(s)) for s in np.clip(score, -20, 20)])
    return {
        "model": rivals.model.version,
        "is_one_compartment": is_one_compartment(rivals.card),
        "false_alarms": _share(called[0], SIMPLE),
        "called_complex": _share(called[1], PUBLISHED),
        "roc": _roc(score, is_complex),
        "brier": float(((probability - is_complex) ** 2).mean()),
        "calibration": _calibration(probability, is_complex),
        "processor_s_a_patient": round(took, 3),
    }


def is_one_compartment(card: DrugCard) -> bool:
    """Whether none of the card's published models has more than one compartment and one absorption stage: then there is nothing complex to be found."""
    return all(_is_plain(MODELS[m.name], card) for m in card.published_models)


def _is_plain(model: PublishedModel, card: DrugCard) -> bool:
    typical = model.typical({name: torch.tensor([float(value)]).double() for name, value in card.typical_patient.items()})
    return model.body is None and set(typical) <= PLAIN


def _share(called: int, of: int) -> dict:
    """A share of independent cases with its 95 % interval (Wilson)."""
    low, high = wilson(called / of, of)
    return {"called": called, "of": of, "share": called / of, "low95": low, "high95": high}


def _roc(score: np.ndarray, is_complex: np.ndarray) -> dict:
    """Area under the ROC curve with its 95 % interval (DeLong 1988)."""
    area, low, high = separation(score[is_complex], score[~is_complex])
    return {"area": area, "low95": low, "high95": high}


def _calibration(probability: np.ndarray, is_complex: np.ndarray) -> list[dict]:
    """Of the patients whose probability lies between two edges: how many, its mean, and how many are complex."""
    rows = []
    for low, high in zip(EDGES, EDGES[1:], strict=False):
        here = (probability >= low) & ((probability < high) | (high == 1))
        if here.any():
            rows.append(
                {"from": low, "to": high, "patients": int(here.sum()), "said": float(probability[here].mean()), "complex": float(is_complex[here].mean())}
            )
    return rows


def markdown(found: dict) -> str:
    pooled = found["false_alarms"]
    lines = [
        f"True one-compartment patients of each drug, and patients of its published models; ROC, Brier score and calibration on {found['labelled']:,} of each; "
        f"1 to 10 levels. Of all {pooled['of']:,} simple patients {_percent(pooled)} % were called complex (nominal: at most {100 * found['nominal']:.0f} %).",
        "",
        "| drug | simple called complex, % (95 %) of | published called complex, % (95 %) of | area under ROC (95 %) | Brier | said → complex | s a patient |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for drug, each in found["drugs"].items():
        shares = ", ".join(f"{row['said']:.2f} → {row['complex']:.2f} ({row['patients']})" for row in each["calibration"])
        roc = each["roc"]
        note = " (published: one compartment)" if each["is_one_compartment"] else ""
        lines.append(
            f"| {load_card(drug).name}{note} | {_percent(each['false_alarms'])} of {each['false_alarms']['of']} | "
            f"{_percent(each['called_complex'])} of {each['called_complex']['of']} | "
            f"{roc['area']:.2f} ({roc['low95']:.2f}–{roc['high95']:.2f}) | {each['brier']:.3f} | {shares} | {each['processor_s_a_patient']:.2f} |"
        )
    return "\n".join(lines)


def _percent(share: dict) -> str:
    return f"{100 * share['share']:.1f} ({100 * share['low95']:.1f}–{100 * share['high95']:.1f})"
