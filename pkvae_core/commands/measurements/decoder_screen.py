"""`benchmark --of decoder-screen`: three decoders for phenytoin, trained for the same processor time on the same virtual patients."""

from collections.abc import Callable
from dataclasses import asdict

import numpy as np

from pkvae_core.checks.decoder_screen import Sizes, changed, exam, judged, milliseconds_of_a_step
from pkvae_core.checks.decoder_training import POOL, POOLS, Budget, Learned, learn, lesson, lessons, start
from pkvae_core.checks.ratio import ratio_of_medians
from pkvae_core.drugs.card import DrugCard, load_card
from pkvae_core.vae.checkpoint import load_model

TITLE = "three decoders for phenytoin at equal training time, about 45 min"
DRUG, CPU_S = "phenytoin", 300.0
CHALLENGERS = ("flow", "pulses")
FAMILIES = (*CHALLENGERS, "ode")
WORDS = {
    "ode": "neural ODE on the textbook's body",
    "ode_steps": "neural ODE, as many steps as the slowest family",
    "pulses": "pulses with memory",
    "flow": "state-jump flow",
    "shipped": "the app's model: neural ODE, 10,000 steps of 512",
    "right": "MAP-Bayes, right structure",
}

CLEAN = (
    "decoder",
    "parameters",
    "steps",
    "CPU min",
    "clean curve off, median / worst 5 %, %",
    "the same after 72 doses, %",
    "jump at a dose, median / worst 5 %, %",
)
CLEAN += ("levels that fall with a larger dose, %",)
PATIENT = ("decoder", "profile, %", "against the exact posterior (95 %)", "90 % bands hold, % ± SE", "posterior after 2 doses, ms", "after 80 doses, ms")
CHANGED = (
    "after a changed dose",
    "AUC24 log-RMSE",
    "bias",
    "against the right structure (95 %)",
    "trough log-RMSE",
    "bias",
    "against the right structure (95 %)",
)

CARE = (
    "Read with care: Michaelis-Menten, the neural ODE's backbone, is what made these patients, so that its clean curves start ahead; a step costs each family "
    "another time, so that equal time is not equal steps; simulating the lessons is not counted; no covariate changed; a first run of the pulses, unbounded, "
    "ended in infinities."
)


def measure(seed: int, say: Callable[[str], None]) -> dict:
    """Train each family, then examine all of them and the app's model on patients that none has seen."""
    card = load_card(DRUG)
    taught = lessons(card, 1 + seed, say)
    learned = {family: learn(start(card, family, 1 + seed), taught, Budget(CPU_S, seed=1 + seed), say) for family in FAMILIES}
    fewest = Budget(CPU_S, steps=min(learned[family].steps for family in CHALLENGERS), seed=1 + seed)
    learned["ode_steps"] = learn(start(card, "ode", 1 + seed), taught, fewest, say)
    return examined(card, learned, seed, say)


def examined(card: DrugCard, learned: dict[str, Learned], seed: int, say: Callable[[str], None]) -> dict:
    """All figures."""
    sizes, models = Sizes(), {name: each.model for name, each in learned.items()} | {"shipped": load_model(card.drug)}
    each, step = exam(card, seed, sizes, say), lesson(card, 64, 1)
    found: dict[str, dict] = {}
    for name, model in models.items():
        found[name] = judged(card, model, each, seed, say) | _taken(learned.get(name))
        say(f"{name}: {found[name]}")
    foreseen = changed(card, {name: models[name] for name in FAMILIES}, seed, sizes.changed, say)
    for name in FAMILIES:
        found[name]["changed"] = foreseen[name]
    return {
        "seed": seed,
        "drug": card.drug,
        "cpu_s": CPU_S,
        "batch": Budget(CPU_S).batch,
        "taught": POOL * POOLS,
        "patients": asdict(sizes),
        "exact": {"error": float(np.median(each.exact)), "floor": list(ratio_of_medians(each.again, each.exact, np.random.default_rng(seed)))},
        "right": foreseen["right"],
        "course_gradient_ms": {name: milliseconds_of_a_step(models[name], step) for name in FAMILIES},
        "models": found,
    }


def _taken(learned: Learned | None) -> dict:
    return {"steps": None, "cpu_s": None} if learned is None else {"steps": learned.steps, "cpu_s": learned.cpu_s, "loss": learned.loss}


def markdown(found: dict) -> str:
    """How each decoder draws clean curves, what it knows of patients, and what it foresees after a changed dose."""
    sizes, each = found["patients"], found["models"]
    taught = (
        f"{found['drug']}, seed {found['seed']}: {found['cpu_s'] / 60:.0f} CPU minutes of gradient steps for each family, batches of {found['batch']} from "
        f"the same {found['taught']:,} virtual patients; encoder, teacher, latent size and schedule are the same. The neural ODE learns as the app's model "
        "does, its body against the true one; the others learn noise-free concentrations of each patient's own course, having no clearance to compare. "
        f"One gradient through 64 whole courses takes {_gradients(found['course_gradient_ms'])}: too slow for the neural ODE to learn that way here. One "
        "training run each."
    )
    asked = (
        f"Fresh patients: {sizes['clean']:,} for clean curves, {sizes['profile']} for the profile, {sizes['covered']} for coverage, {sizes['changed']} for "
        f"the changed dose. The exact posterior's profile is off by {100 * found['exact']['error']:.1f} %; drawn again, by {found['exact']['floor'][0]:.3f} "
        "times that."
    )
    changed = {name: one["changed"] for name, one in each.items() if "changed" in one} | {"right": found["right"]}
    tables = (
        _table(CLEAN, [[WORDS[name], *_clean(one)] for name, one in each.items()]),
        _table(PATIENT, [[WORDS[name], *_patient(one)] for name, one in each.items()]),
        _table(CHANGED, [[WORDS[name], *_changed(rows)] for name, rows in changed.items()]),
    )
    return "\n\n".join([taught, asked, *tables, CARE])


def _gradients(milliseconds: dict[str, float]) -> str:
    return ", ".join(f"{value:,.0f} ms ({WORDS[name]})" for name, value in milliseconds.items())


def _table(head: tuple[str, ...], rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows))


def _clean(one: dict) -> list[str]:
    off = [f"{100 * one['clean'][part]['median']:.1f} / {100 * one['clean'][part]['worst_twentieth']:.1f}" for part in ("course", "long")]
    laws = one["laws"]
    took = [f"{one['steps']:,}", f"{one['cpu_s'] / 60:.1f}"] if one["steps"] else ["as shipped", "as shipped"]
    return [f"{one['parameters']:,}", *took, *off, f"{100 * laws['jump']:.1f} / {100 * laws['worst_jump']:.1f}", f"{100 * laws['falling']:.1f}"]


def _patient(one: dict) -> list[str]:
    held, sd = (100 * value for value in one["covered"])
    times = [f"{one['milliseconds'][course]:.0f}" for course in ("short", "long")]
    return [f"{100 * one['profile']['error']:.1f}", _ratio(one["profile"]["ratio"]), f"{held:.1f} ± {sd:.1f}", *times]


def _changed(rows: list[dict]) -> list[str]:
    return [cell for row in rows for cell in (f"{row['error']:.3f}", f"{row['bias']:+.3f}", _ratio(row["ratio"]))]


def _ratio(ratio: list[float]) -> str:
    middle, low, high = ratio
    return f"{middle:.3f} ({low:.3f} to {high:.3f})"
