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
    "ode_steps": "the same, as many steps as the fewest of the others",
    "pulses": "pulses with memory",
    "flow": "state-jump flow",
    "shipped": "the app's model (neural ODE, 10,000 steps of 512)",
    "right": "MAP-Bayes, right structure",
}


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
    """A row for each model; a second table for the changed dose."""
    sizes, names = found["patients"], list(found["models"])
    said = (
        f"{found['drug']}, seed {found['seed']}: {found['cpu_s'] / 60:.0f} CPU minutes of gradient steps each, batches of {found['batch']} from the same "
        f"{found['taught']:,} virtual patients. Fresh patients: {sizes['clean']} for clean curves, {sizes['profile']} for the profile (exact posterior "
        f"{100 * found['exact']['error']:.1f} %, drawn again {found['exact']['floor'][0]:.3f}), {sizes['covered']} for coverage, {sizes['changed']} for the "
        "changed dose."
    )
    head = [
        "decoder",
        "parameters",
        "steps",
        "clean curve off, median / worst 5 %",
        "after 72 doses",
        "profile, %",
        "against exact (95 %)",
        "90 % bands hold, %",
    ]
    rows = [_row(WORDS[name], found["models"][name]) for name in names]
    later = [_changed(WORDS[name], found["models"][name]["changed"]) for name in names if "changed" in found["models"][name]] + [
        _changed(WORDS["right"], found["right"])
    ]
    heads = ["after a changed dose", "AUC24 log-RMSE", "against the right structure (95 %)", "trough log-RMSE", "against the right structure (95 %)"]
    return "\n\n".join([said, _table([*head, "a posterior, ms: 2 doses / 80"], rows), _table(heads, later)])


def _table(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows))


def _row(words: str, one: dict) -> list[str]:
    clean = [f"{100 * one['clean'][part]['median']:.1f} / {100 * one['clean'][part]['worst_twentieth']:.0f} %" for part in ("course", "long")]
    middle, low, high = one["profile"]["ratio"]
    held, sd = (100 * value for value in one["covered"])
    numbers = [f"{one['parameters']:,}", f"{one['steps']:,}" if one["steps"] else "–", *clean, f"{100 * one['profile']['error']:.1f}"]
    times = f"{one['milliseconds']['short']:.0f} / {one['milliseconds']['long']:.0f}"
    return [words, *numbers, f"{middle:.3f} ({low:.3f} to {high:.3f})", f"{held:.1f} ± {sd:.1f}", times]


def _changed(words: str, rows: list[dict]) -> list[str]:
    cells = [words]
    for row in rows:
        middle, low, high = row["ratio"]
        cells += [f"{row['error']:.3f}", f"{middle:.2f} ({low:.2f} to {high:.2f})"]
    return cells
