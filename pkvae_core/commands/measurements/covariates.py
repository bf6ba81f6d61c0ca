"""Covariate discovery on 20 virtual populations whose effects are known."""

from collections.abc import Callable

from pkvae_core.checks.discoveries import Score, score_populations, summary
from pkvae_core.vae.checkpoint import load_model

TITLE = "covariate discovery, scored on 20 virtual populations whose effects are known"
POPULATIONS, PATIENTS, DRUG = 20, 500, "vancomycin"
LABELS = {
    "WT": "weight, exponent 0.75",
    "CRCL": "creatinine clearance, exponent 0.6",
    "SHIFT": "30 % lower in 5 % of the patients",
    "U": "40 % higher at both ends than in the middle",
}


def measure(seed: int, say: Callable[[str], None]) -> dict:
    """The figures; population k of seed s is drawn with 20 s + k."""

    def tick(population: int, score: Score) -> None:
        say(f"population {population}: {score.true} true and {score.false} false calls, {len(score.found)} of 4 effects, {score.seconds:.1f} s")

    model = load_model(DRUG)
    scores = score_populations(model, range(seed * POPULATIONS, (seed + 1) * POPULATIONS), patients=PATIENTS, tick=tick)
    return summary(scores) | {"patients": PATIENTS, "drug": DRUG, "model": model.version, "seed": seed}


def markdown(found: dict) -> str:
    """The figures as a table for a reader."""
    power = "\n".join(f"| {LABELS[name]}: found | {100 * share:.0f} % of populations |" for name, share in found["power"].items())
    exponents = "\n".join(f"| {LABELS[name]}: estimated | {e['mean']:.2f} (SD {e['sd']:.2f}) |" for name, e in found["exponents"].items())
    shift, calls = found["shift"], found["true_calls"] + found["false_calls"]
    return f"""\
Covariate discovery: {found["populations"]} virtual populations of {found["patients"]} patients with 3 to 5 levels, read by the {found["drug"]} VAE
(covariates hidden from it); 16 covariates, 120 pairs, nominal false-discovery rate 10 %, seed {found["seed"]}.

| figure | value |
|---|---|
| realised false-discovery rate, mean over populations | {100 * found["false_discovery_rate"]:.1f} % ({found["false_calls"]} of {calls} calls) |
{power}
| pair that acts only together (XOR, 40 %): found | {found["xor_found"]} of {found["populations"]} |
{exponents}
| 30 % lower: estimated ratio | {shift["mean"]:.2f}; 0.7 in the 95 % interval in {shift["covered"]} of {found["populations"]} |
| patients whose levels tell clearance; volume (0: too few, it is not asked) | {found["told"]["CL"]:.0f}; {found["told"]["V"]:.0f} |
| time for a population (median, on a busy machine) | {found["seconds"]:.0f} s |"""
