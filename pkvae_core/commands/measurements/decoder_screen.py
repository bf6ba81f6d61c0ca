"""`benchmark --of decoder-screen --recorded`: decoders for phenytoin, then for omalizumab and mycophenolate, trained on the same virtual patients.

Two of them are deleted. What was measured stays, and names the commits whose code measures it again.
"""

from collections.abc import Callable

from pkvae_core.checks.recorded import recorded

NAME = "decoder-screen"
TITLE = "decoders for drugs that are not proportional to dose, at like training time; recorded; the losers live in older commits only"
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
    "the same after {taught} doses, %",
    "jump at a {event}, median / worst 5 %, %",
    "levels that fall with a larger dose, %",
)
TWICE = "twice the dose off twice the level, median / worst 5 %, %"
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

SECOND = {
    "omalizumab": {
        "flow": "state-jump flow",
        "ode": "neural ODE on the body that meets its target",
        "shipped": "the app's model of then: the same, 2,500 steps of 512",
        "right": "MAP-Bayes, right structure",
        "event": "dose",
        "taught": (
            "The target's level before treatment enters through z: one of the ODE's latents is its logarithm, and the flow's teacher reads it with all else. "
            "The ODE learns by what tells its body (clearance, volume and target at eight steady levels), the flow from concentrations of own courses."
        ),
    },
    "mycophenolate": {
        "flow": "state-jump flow, meals being events",
        "ode": "constant-rate flow on the body that recirculates",
        "shipped": "the app's model of then: the same, 5,000 steps of 512",
        "event": "meal",
        "taught": (
            "The state-jump flow jumps at each dose and at each meal, and has six states more that are remembered and not seen. The app's family jumps at "
            "them too, but through amounts in gut, blood, tissue, glucuronide and bile; it learns the curve of one dose over two days. The neural ODE of "
            "phenytoin and omalizumab was not run: its body has no place for bile, and meals are no event to it."
        ),
    },
}
TAUGHT_DOSES = 24
PATIENT_SECOND = (*PATIENT[:-2], "posterior from the profile's levels, ms", "after a long visit, ms")
CHANGED_SECOND = (*("beside the neural ODE (95 %)" if word.startswith("against") else word for word in CHANGED),)
CARE_SECOND = (
    "Read with care: one training run each, shorter than the first round's five minutes where the machine was shared, on mycophenolate in the flow's favour; "
    "the bodies that the app's families build on are what made these patients; no covariate changed. What the body shows at a meal is the rise of 3.6 s; the "
    "flow's lesson excused three minutes of a cliff. The flow's first tries on mycophenolate are not in the "
    "table: unbounded rates ended in infinities, and a lag of each patient's own fled to an hour. The changed dose is asked of the 100 patients of `benchmark "
    "--of dose-change`, whose record says what the app's model and MAP-Bayes make of them. Omalizumab's patients were simulated before the levels of about 2 % "
    "of them, who have little IgE, were corrected: for both families alike."
)
KEPT_SECOND = (
    "On neither drug does either family know patients better than the other beyond chance, and all bands hold. In the flow's favour: on omalizumab it answers "
    "in a fraction of the ODE's time and its curves stay as close, and its mycophenolate curves are a little closer on longer courses. Against it: its levels "
    "jump at once at a dose or a meal, mycophenolate's by a third; twice the dose is not quite twice the level where it should be; it misses more in the worst "
    "cases of mycophenolate; and it has no clearance or volume to show, nor a way for covariates that change. Kept are the two families whose state is a "
    "body's: the neural ODE on a textbook's body (phenytoin, omalizumab), and the constant-rate flow with jumps on the body that recirculates "
    "(mycophenolate). One decoder for all would have had to be the state-jump flow, and what it breaks is what pages show. It is deleted again."
)

KEPT = (
    "No family tells patients better than another beyond chance. Kept is the neural ODE: its curves are the closest, on longer courses too, they do not jump, "
    "and it alone has the clearance that pages show and follows covariates that change."
)


def measure(seed: int, say: Callable[[str], None]) -> dict:
    """Nothing any more: raises ValueError that says where the screened decoders are."""
    found = recorded(NAME) or {}
    first, second = found["code"], found["second"]["code"]
    raise ValueError(
        f"the decoders that lost are deleted; their code is in commits {first['commit']} and {second['commit']} (first and second round). Check one out and "
        f"run: {second['command']}"
    )


def markdown(found: dict) -> str:
    """How each decoder draws clean curves, what it knows of patients, and what it foresees after a changed dose: both rounds, and what is kept."""
    second = found["second"]
    drugs = [part for drug, each in second["drugs"].items() for part in _second(drug, each, second)]
    code = f"Measured with the code of commit {second['code']['commit']}, `{second['code']['command']}`, its parts run one by one."
    both = ["**First round: phenytoin**", *_first(found), "**Second round: omalizumab and mycophenolate**", *drugs]
    return "\n\n".join([*both, CARE_SECOND, f"{KEPT_SECOND} {code}"])


def _first(found: dict) -> list[str]:
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
    head = tuple(words.format(taught=72, event="dose") for words in CLEAN)
    tables = (
        _table(head, [[WORDS[name], *_clean(one)] for name, one in each.items()]),
        _table(PATIENT, [[WORDS[name], *_patient(one)] for name, one in each.items()]),
        _table(CHANGED, [[WORDS[name], *_changed(rows)] for name, rows in changed.items()]),
    )
    code = (
        f"The other two are deleted. Measured with the code of commit {found['code']['commit']}, `{found['code']['command']}`, its parts run one by one; "
        "a budget of time repeats only roughly."
    )
    return [taught, asked, *tables, CARE, f"{KEPT} {code}"]


def _second(drug: str, each: dict, second: dict) -> list[str]:
    """What one drug of the second round showed."""
    sizes, models, words = second["patients"], each["models"], SECOND[drug]
    exact, gradients = each["exact"], ", ".join(f"{value:,.0f} ms ({words[name]})" for name, value in each["course_gradient_ms"].items())
    taught = (
        f"**{drug}**, seed {second['seed']}: batches of {second['batch']} from the same "
        f"{second['taught']:,} virtual patients. {words['taught']} One gradient through 64 whole courses takes {gradients}."
    )
    asked = (
        f"Fresh patients: {sizes['clean']:,} for clean curves, {sizes['profile']} for the profile, {sizes['covered']} for coverage. The exact "
        f"posterior's profile is off by {100 * exact['error']:.1f} % ({exact['effective'][0]:,.0f} effective draws at least, "
        f"{exact['effective'][1]:,.0f} in the median); drawn again, by {exact['floor'][0]:.3f} times that."
    )
    is_in_proportion = "off_proportion" in models["flow"]["laws"]
    clean = [*(head.format(taught=TAUGHT_DOSES, event=words["event"]) for head in CLEAN), *([TWICE] if is_in_proportion else [])]
    tables: list[str] = [
        _table(tuple(clean), [[words[name], *_clean(one), *_twice(one["laws"])] for name, one in models.items()]),
        _table(PATIENT_SECOND, [[words[name], *_patient(one)] for name, one in models.items()]),
    ]
    middle, low, high = each["flow_over_ode"]
    tables.append(f"Patient by patient, the flow's profile is off by {middle:.3f} ({low:.3f} to {high:.3f}) times as much as that of the {words['ode']}.")
    if "right" in each:
        foreseen = {name: one["changed"] for name, one in models.items()} | {"right": each["right"]}
        tables.append(_table(CHANGED_SECOND, [[words[name], *_changed(rows)] for name, rows in foreseen.items()]))
    return [taught, asked, *tables]


def _twice(laws: dict) -> list[str]:
    return [f"{100 * laws['off_proportion']:.1f} / {100 * laws['worst_off_proportion']:.1f}"] if "off_proportion" in laws else []


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
    return [cell for row in rows for cell in (f"{row['error']:.3f}", f"{row['bias']:+.3f}", _ratio(row["ratio"]) if "ratio" in row else "–")]


def _ratio(ratio: list[float]) -> str:
    middle, low, high = ratio
    return f"{middle:.3f} ({low:.3f} to {high:.3f})"
