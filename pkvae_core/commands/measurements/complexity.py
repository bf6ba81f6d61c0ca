"""`benchmark --of complexity`: how many simple patients are called complex, and how well both kinds are told apart."""

import time
from collections.abc import Callable, Collection
from dataclasses import replace

import numpy as np
import torch

from pkvae_core.checks.coverage import wilson
from pkvae_core.checks.recorded import kept
from pkvae_core.checks.second_peaks import separation
from pkvae_core.checks.virtual import as_patients
from pkvae_core.drugs.card import CARDS, DrugCard, available_drugs, load_card
from pkvae_core.drugs.population import rows, simulate
from pkvae_core.drugs.published import MODELS
from pkvae_core.drugs.published.model import PublishedModel
from pkvae_core.inference.classical import fit_population
from pkvae_core.insight.hybrid import COHORT, LEAST_P, Rivals, classify, cohort_of, fit_rivals, labelled_scores, one_compartment_twins, structures
from pkvae_core.vae.checkpoint import load_model

NAME, KEEPS = "complexity", True
TITLE = "simple patients called complex, and how well virtual patients of known kind are told apart (figures of the very same model are kept), 4 min a drug"
SIMPLE, PUBLISHED, LABELLED, OFFSET = 150, 60, 300, 6_500_000_003
ANOTHER, SIMPLE_FROM = 500, "a one-compartment fit to another cohort"  # added to the seed of the cohort; what the record says of the simple patients
PLAIN = {"CL", "V1", "ka", "tlag"}  # the parameters of one compartment, swallowed or not
HEAD = (
    "drug",
    "simple called complex, % (95 %) of",
    "published called complex, % (95 %) of",
    "area under ROC (95 %)",
    "Brier",
    "said → complex",
    "s a patient",
    "settled",
)
EDGES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


def measure(seed: int, say: Callable[[str], None], *, anew: Collection[str] = ()) -> dict:
    """False alarms among true one-compartment patients, hits among the published models' patients, area under the ROC curve, Brier score, calibration.

    Of every trained drug, with the estimates of its compartment models, which the Profiles page begins with; drugs without figures come first. Interrupted
    (Ctrl-C), it answers with what is known by then.
    """
    versions = {drug: load_model(drug).version for drug in available_drugs() if (CARDS / drug / "model.safetensors").exists()}
    found = kept(NAME, {"seed": seed, "labelled": LABELLED}, versions, anew)
    try:
        for drug in sorted(versions, key=lambda name: name in found):
            if is_settled(found.get(drug)):
                say(f"{drug}: as recorded for {versions[drug]}")
                continue
            say(f"{drug} ...")
            rivals = fit_rivals(load_model(drug), seed=seed)
            found[drug] = of_drug(rivals, seed)
            say(f"{drug}: {found[drug]}")
    except KeyboardInterrupt:
        say("interrupted: what was measured by now is kept")
    return together({drug: found[drug] for drug in versions if drug in found}, seed)


def is_settled(figures: dict | None) -> bool:
    """Whether a drug's figures come from as many patients as are asked for, the simple ones from another cohort's fit."""
    if figures is None or figures.get("simple_from") != SIMPLE_FROM:
        return False
    return (figures["false_alarms"]["of"], figures["called_complex"]["of"]) == (SIMPLE, PUBLISHED)


def together(found: dict, seed: int) -> dict:
    """The record of these drugs' figures, false alarms pooled over those that were measured on another cohort's simple patients."""
    pooled = [each for each in found.values() if each.get("simple_from") == SIMPLE_FROM] or list(found.values())
    called, of = (sum(each["false_alarms"][name] for each in pooled) for name in ("called", "of"))
    return {"seed": seed, "labelled": LABELLED, "nominal": LEAST_P, "false_alarms": _share(called, of), "drugs": found}


@torch.no_grad()
def of_drug(rivals: Rivals, seed: int) -> dict:
    """Figures of one drug. Its simple patients come from a one-compartment fit to another cohort than the one that made the null."""
    generator = torch.Generator().manual_seed(OFFSET + seed)
    population = simulate(rivals.card, SIMPLE, generator, changing=0.0).population
    other = fit_population(rivals.card, cohort_of(rivals.card, COHORT, seed=seed + ANOTHER), structures(rivals.card)[0], seed=seed).model
    simple, published = one_compartment_twins(replace(rivals, one=other, root=None), population, generator), rows(population, torch.arange(PUBLISHED))
    began = time.process_time()
    called = [sum(each.is_complex for each in classify(rivals, as_patients(rivals.card, some), seed=seed)) for some in (simple, published)]
    took = (time.process_time() - began) / (SIMPLE + PUBLISHED)
    score, is_complex = labelled_scores(rivals, LABELLED, seed=seed + 77)
    probability = np.array([rivals.probability(float(s)) for s in np.clip(score, -20, 20)])
    return {
        "model": rivals.model.version,
        "is_one_compartment": is_one_compartment(rivals.card),
        "simple_from": SIMPLE_FROM,
        "false_alarms": _share(called[0], SIMPLE),
        "called_complex": _share(called[1], PUBLISHED),
        "roc": _roc(score, is_complex),
        "brier": float(((probability - is_complex) ** 2).mean()),
        "calibration": _calibration(probability, is_complex),
        "processor_s_a_patient": round(took, 3),
        "rivals": rivals.plain(),
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
    """What was measured, those drugs said aloud whose patients truly are simple, and one row a drug."""
    pooled = found["false_alarms"]
    lines = [
        "Simple patients of each drug, drawn from a one-compartment fit to another cohort than the null's, and patients of its published models; ROC, Brier "
        f"score and calibration on {found['labelled']:,} of each kind; 1 to 10 levels. Of all {pooled['of']:,} simple patients {_percent(pooled)} % were "
        f"called complex (nominal: at most {100 * found['nominal']:.0f} %).",
        "",
        _truly_simple(found["drugs"]),
        "",
        f"| {' | '.join(HEAD)} |",
        f"|{' --- |' * len(HEAD)}",
    ]
    return "\n".join([*lines, *(_row(drug, each) for drug, each in found["drugs"].items())])


def _truly_simple(drugs: dict) -> str:
    """The drugs whose published models are one compartment: what is called complex there is a false alarm too, and not by construction."""
    simple = {drug: each for drug, each in drugs.items() if each["is_one_compartment"]}
    called, of = (sum(each["called_complex"][name] for each in simple.values()) for name in ("called", "of"))
    if not of:
        return "No drug measured here has published models of one compartment."
    said = ", ".join(f"{load_card(drug).name} {each['called_complex']['called']} of {each['called_complex']['of']}" for drug, each in simple.items())
    return f"Published models of one compartment, whose patients should be called complex as seldom: {said}; together {_percent(_share(called, of))} %."


def _row(drug: str, each: dict) -> str:
    shares = ", ".join(f"{row['said']:.2f} → {row['complex']:.2f} ({row['patients']})" for row in each["calibration"])
    roc, fits = each["roc"], each.get("rivals", {}).get("fits", [])
    note = " (published: one compartment)" if each["is_one_compartment"] else ""
    note += "" if each.get("simple_from") == SIMPLE_FROM else " (as before: simple patients from the null itself, not pooled)"
    settled = " and ".join("yes" if fit["is_settled"] else "no" for fit in fits if "is_settled" in fit) or "not said"
    return (
        f"| {load_card(drug).name}{note} | {_percent(each['false_alarms'])} of {each['false_alarms']['of']} | "
        f"{_percent(each['called_complex'])} of {each['called_complex']['of']} | "
        f"{roc['area']:.2f} ({roc['low95']:.2f}–{roc['high95']:.2f}) | {each['brier']:.3f} | {shares} | {each['processor_s_a_patient']:.2f} | {settled} |"
    )


def _percent(share: dict) -> str:
    return f"{100 * share['share']:.1f} ({100 * share['low95']:.1f}–{100 * share['high95']:.1f})"
