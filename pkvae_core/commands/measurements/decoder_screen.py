"""`benchmark --of decoder-screen --recorded`: three decoders for phenytoin, trained for the same processor time on the same virtual patients.

Two of them are deleted. What was measured stays, and names the commit whose code measures it again.
"""

from collections.abc import Callable

from pkvae_core.checks.recorded import recorded

NAME = "decoder-screen"
TITLE = "three decoders for phenytoin at equal training time; recorded; two of them live in an older commit only"
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

KEPT = (
    "No family tells patients better than another beyond chance. Kept is the neural ODE: its curves are the closest, on longer courses too, they do not jump, "
    "and it alone has the clearance that pages show and follows covariates that change."
)


def measure(seed: int, say: Callable[[str], None]) -> dict:
    """Nothing any more: raises ValueError that says where the screened decoders are."""
    code = (recorded(NAME) or {})["code"]
    raise ValueError(f"two of the three decoders are deleted; their code is in commit {code['commit']}. Check that out and run: {code['command']}")


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
    code = (
        f"The other two are deleted. Measured with the code of commit {found['code']['commit']}, `{found['code']['command']}`, its parts run one by one; "
        "a budget of time repeats only roughly."
    )
    return "\n\n".join([taught, asked, *tables, CARE, f"{KEPT} {code}"])


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
