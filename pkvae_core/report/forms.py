"""ODE against VAE: what is each good for? Every figure is one that was measured and recorded, with the command that measures it again."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from safetensors import safe_open

from pkvae_core.checks.recorded import recorded
from pkvae_core.checks.scoreboard import EXPOSURES
from pkvae_core.drugs.card import CARDS, load_card
from pkvae_core.vae.shapes_training import FOLDER

COMMAND = "python -m pkvae_core"
NOT_YET = "not measured yet"
Record = Mapping[str, Any]


@dataclass(frozen=True)
class Figure:
    """What was measured, in a sentence, or None where nothing is recorded; and the command that measures it."""

    sentence: str | None
    command: str

    @property
    def words(self) -> str:
        return (self.sentence or NOT_YET).replace(" %", "\u00a0%")


@dataclass(frozen=True)
class Aspect:
    """One row: what compartment models (ODEs) do, what a VAE does, and the figures that say how much."""

    name: str
    ode: str
    vae: str
    figures: tuple[Figure, ...]


def aspects(drug: str) -> tuple[Aspect, ...]:
    """All rows; the drug is that of whose shipped model size and time are told."""
    held_out = _shipped(drug)
    return (
        Aspect(
            "Mathematical form",
            "Chosen before the data: dC/dt = f(C; CL, V, ...), a few parameters that mean something.",
            "Learned: C(t) = Decoder(z, doses, t), a few latent numbers for each patient, many weights for all.",
            (_told(_size, held_out, f"train {drug}"),),
        ),
        Aspect(
            "Flexibility",
            "Draws what its compartments can draw, however many levels there are.",
            "Draws whatever the patients it learned from showed.",
            (_told(_flexible, _gallery(), "shapes --recorded"),),
        ),
        Aspect(
            "Interpretability",
            "Parameters are physiology by assumption: right as far as the structure is.",
            "Latent numbers mean nothing by themselves; what they do is measured on the curves they draw.",
            (_told(_interpretable, recorded("covariates"), "benchmark --of covariates --recorded"),),
        ),
        Aspect(
            "Data needs",
            "Few patients, where the structure is known.",
            "Thousands of virtual patients of published models; or a real cohort, and then its population is itself uncertain.",
            (_told(_hungry, recorded("cohorts"), "benchmark --of cohorts --recorded"),),
        ),
        Aspect(
            "Extrapolation",
            "As good as the structure: proportional to dose where it is linear, whether the body is or not.",
            "Only as far as it was taught, or as proportionality was built in.",
            (
                _told(_beyond, _gallery(), "shapes --recorded"),
                _told(_doubled, recorded("textbook"), "benchmark --of textbook --recorded"),
                _told(_changed, recorded("dose-change"), "benchmark --of dose-change --recorded"),
            ),
        ),
        Aspect(
            "Complex profiles",
            "Another structure must be thought of, coded and identified for each.",
            "The same network learns them all, if somebody can simulate or has measured them.",
            (
                _told(_delayed, recorded("tacrolimus-auc"), "benchmark --of tacrolimus-auc --recorded"),
                _told(_classed, recorded("complexity"), "benchmark --of complexity --recorded"),
                _told(_residual, recorded("correction"), "benchmark --of correction --recorded"),
            ),
        ),
        Aspect(
            "Computing cost",
            "Nothing to train; every patient is an optimisation, of ODEs where there is no closed form.",
            "Trained once; every patient afterwards is one pass through the network and a weighing of draws.",
            (_told(_quick, held_out, f"benchmark {drug} --recorded"), _told(_ward, recorded("ward"), "benchmark --of ward --recorded")),
        ),
    )


def _told(say: Callable[[Any], str | None], found: Record | None, command: str) -> Figure:
    """The sentence about a record; nothing where there is none, or where it was recorded in a form that lacks what is said."""
    try:
        sentence = say(found) if found is not None else None
    except (KeyError, IndexError, TypeError):
        sentence = None
    return Figure(sentence, f"{COMMAND} {command if sentence else command.removesuffix(' --recorded')}")


def _gallery() -> Record | None:
    path = FOLDER / "model.json"
    return json.loads(path.read_text())["held_out"] if path.exists() else None


def _shipped(drug: str) -> Record | None:
    path = CARDS / drug / "model.json"
    return json.loads(path.read_text()) if path.exists() else None


def _size(found: Record) -> str:
    card, latent = load_card(found["drug"]), found["configuration"]["latent"]
    with safe_open(CARDS / found["drug"] / "model.safetensors", framework="pt") as tables:
        weights = sum(int(_product(tables.get_slice(name).get_shape())) for name in tables.keys() if name.startswith("decoder"))
    return f"{card.name}'s decoder: {latent} latent numbers a patient, {weights:,} weights. One compartment has 2 parameters, two have 4, without absorption."


def _product(shape: list[int]) -> int:
    total = 1
    for size in shape:
        total *= size
    return total


def _flexible(found: Record) -> str:
    shapes = found["shapes"].values()
    spans = {name: [each["given"][name] for each in shapes] for name in next(iter(shapes))["given"]}
    told = "; ".join(f"{name} {min(errors):.0f} to {max(errors):.0f} %" for name, errors in spans.items())
    return f"Median error of the curve from {found['levels']} levels over seven synthetic shapes: {told}."


def _interpretable(found: Record) -> str:
    weight = found["exponents"]["WT"]
    return (
        f"Planted covariate effects found again in the latent space: {found['true_calls']} calls true, {found['false_calls']} false "
        f"({100 * found['false_discovery_rate']:.0f} %); exponent of weight {weight['mean']:.2f} (sd {weight['sd']:.2f}), true {weight['truth']:.2f}."
    )


def _hungry(found: Record) -> str:
    errors = "; ".join(
        f"{name} {100 * each['learned']:.0f} % (best compartment fit {100 * each['best_classical']:.0f}, right structure {100 * each['right_structure']:.0f})"
        for name, each in found["structures"].items()
    )
    return f"From {found['patients']} patients with 3 to 5 levels and no structure told, profile error of the next interval: {errors}."


def _beyond(found: Record) -> str:
    told = "; ".join(
        f"{name.lower()} {', '.join(f'{fit} {error:.0f} %' for fit, error in each['asked'].items())}"
        for name, each in found["shapes"].items()
        if name in ("Saturable elimination", "Target-mediated disposition")
    )
    return f"Levels at one dose, asked for {found['multiple']:g} times it (a dose that training covered): {told}."


def _doubled(found: Record) -> str:
    more = {who: [each[who]["more"]["profile_error"] for each in found["drugs"].values() if each[who]["more"]] for who in ("textbook", "ours")}
    told = {who: f"{min(errors):.0f} to {max(errors):.0f} %" for who, errors in more.items()}
    return f"Twice training's largest dose: a VAE without pharmacology is off by {told['textbook']}, ours, proportional by construction, by {told['ours']}."


def _changed(found: Record) -> str | None:
    told = []
    for drug, each in found["drugs"].items():
        errors = {row["engine"]: row["error"] for row in each["engines"]}
        if "vae" in errors:
            told.append(f"{load_card(drug).name} {errors['vae']:.2f}, linear MAP {errors['linear']:.2f}, right structure {errors['right']:.2f}")
    return f"Log-RMSE of {rows_words(found)} after a change of dose: {'; '.join(told)}." if told else None


def rows_words(found: Record) -> str:
    """Which exposure the first row of each drug speaks of."""
    return EXPOSURES[next(iter(found["drugs"].values()))["engines"][0]["exposure"]]


def _delayed(found: Record) -> str:
    vae, exact = (100 * found["engines"][name]["rmse"] for name in ("vae", "exact"))
    return f"Tacrolimus AUC0-12 from three levels: RMSE {vae:.1f} %, exact posterior of the generating model {exact:.1f} %."


def _classed(found: Record) -> str:
    pooled, areas = found["false_alarms"], [each["roc"]["area"] for each in found["drugs"].values() if not each["is_one_compartment"]]
    simple = {drug: each["called_complex"] for drug, each in found["drugs"].items() if each["is_one_compartment"]}
    truly = ", ".join(f"{load_card(drug).name} {each['called']} of {each['of']}" for drug, each in simple.items())
    return (
        f"Simple patients called complex: {100 * pooled['share']:.1f} % ({100 * pooled['low95']:.1f} to {100 * pooled['high95']:.1f}). From 1 to 10 levels "
        f"the two are told apart with an area under the ROC curve of {min(areas):.2f} to {max(areas):.2f}."
    ) + (f" Called complex where the published models are one compartment: {truly}." if truly else "")


def _residual(found: Record) -> str:
    last = {drug: each["cells"][-1] for drug, each in found["drugs"].items()}
    told = "; ".join(f"{load_card(drug).name} {c['textbook']:.0f} → {c['corrected']:.0f} % (VAE {c['vae']:.0f})" for drug, c in last.items())
    return f"One compartment with its learned correction, profile error from {next(iter(last.values()))['levels']} levels: {told}."


def _quick(found: Record) -> str:
    last = found["held_out"]["cells"][-1]
    times, steps = last["engine_milliseconds"], found["training"]["virtual_patients"]
    return (
        f"{load_card(found['drug']).name}, one patient with {last['levels']} levels: VAE {times['weighted'][0]:.0f} ms, MAP-Bayes averaged over the published "
        f"models {times['average'][0]:.0f} ms; taught by {steps:,} virtual patients."
    )


def _ward(found: Record) -> str:
    told = ", ".join(f"{each['drug']} {each['wall_s']:.0f} s" for each in found["drugs"])
    return f"{found['patients']:,} patients with their whole search for a regimen on {found['cores']} cores: {told}."
