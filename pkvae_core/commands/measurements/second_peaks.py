"""`benchmark --of second-peaks`: of the second peaks of simulated volunteers, how many does the exact posterior foresee, and how many a model of a cohort?"""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from pkvae_core.checks.own_model import Plan, card_of
from pkvae_core.checks.peak_cohorts import GRID_H, KINDS, Exact, Kind, Study, draw_study, exact
from pkvae_core.checks.second_peaks import Foreseen, SecondPeaks, foresee, observed, separation, share
from pkvae_core.vae.observed import learn

TITLE = "second peaks of simulated volunteers, foreseen by the exact posterior and by models learned from 48 others, about 6 min a draw"
DRAWS = 1
UNITS = {"amount_unit": "mg", "concentration_unit": "mg/L", "molar_mass_g_per_mol": None, "route": "oral"}
WAYS = {"second peaks looked for": True, "as usual": False}  # whether starts are chosen
EXACT = "exact posterior"


def measure(seed: int, say: Callable[[str], None]) -> dict:
    """For each kind and way: hits among those observed, alarms among the others, the same against the truth, and the error of the profile."""
    found = {}
    for i, kind in enumerate(KINDS):
        each: dict[str, list[Foreseen]] = {}
        truth: list[float | None] = []
        for draw in range(DRAWS):
            asked, answers = trial(kind, len(KINDS) * (seed + draw) + i)
            truth += asked.true_peaks_h()
            for way, patients in answers.items():
                each[way] = each.get(way, []) + patients
            say(f"{kind.name}, draw {seed + draw}: " + "; ".join(f"{way} {_counts(p)}" for way, p in answers.items()))
        found[kind.name] = {way: row(patients, truth) for way, patients in each.items()}
    return {"seed": seed, "draws": DRAWS, "kinds": found}


def trial(kind: Kind, seed: int) -> tuple[Study, dict[str, list[Foreseen]]]:
    """Learned from one study, asked about another."""
    generator = torch.Generator().manual_seed(9_000_011 * (seed + 1))
    taught, asked = draw_study(kind, generator), draw_study(kind, generator)
    answers = {EXACT: [_of(e, i, asked) for i, e in enumerate(exact(kind, asked, generator))]}
    for way, has_peaks in WAYS.items():
        plan = Plan("Volunteers", kind.name, seed=seed + 1, has_peaks=has_peaks)
        with tempfile.TemporaryDirectory() as folder:
            model = learn(card_of(plan, taught.patients, **UNITS), taught.patients, Path(folder), schedule=plan.schedule)
        answers[way] = foresee(model, asked.patients)
    return asked, answers


def _of(found: Exact, index: int, asked: Study) -> Foreseen:
    patient = asked.patients[index]
    kept_back = [(s.time_h, s.concentration_mg_per_L) for s in patient.samples[1::2] if s.concentration_mg_per_L and s.time_h <= float(GRID_H[-1])]
    errors = tuple(float(np.interp(t, GRID_H.numpy(), found.median) / level - 1) for t, level in kept_back)
    return Foreseen(patient.id, observed(patient), found.foreseen_h, probability=found.probability, errors=errors)


def row(patients: Sequence[Foreseen], truth: Sequence[float | None]) -> dict:
    """Hits and alarms, as observed and in truth; the probability's area under the ROC curve for a true second peak; the error of the levels kept back."""
    true = [Foreseen(p.patient_id, at, p.foreseen_h, probability=p.probability) for p, at in zip(patients, truth, strict=True)]
    is_true = np.array([at is not None for at in truth])
    probability = np.array([p.probability for p in patients])
    area = separation(probability[is_true], probability[~is_true]) if 2 <= is_true.sum() <= len(is_true) - 2 else None
    errors = np.abs([e for p in patients for e in p.errors])
    return {
        **{name: _counts(group) for name, group in (("observed", patients), ("true", true))},
        "area": area,
        "brier": float(np.mean((probability - is_true) ** 2)),
        "error": float(np.median(errors)),
        "within_30": float(np.mean(errors <= 0.3)),
    }


def _counts(patients: Sequence[Foreseen]) -> dict:
    found = SecondPeaks(tuple(patients), folds=1)
    return {"hits": found.hits, "having": len(found.having), "alarms": found.alarms, "others": len(found.others)}


def markdown(found: dict) -> str:
    """One row for each kind and way."""
    head = (
        f"{found['draws']} simulated studies of 48 volunteers of each kind, a model learned from another 48; every second level is given. Foreseen: a second "
        "maximum of the posterior median, of prominence over 10 %, within 2 h. Probability: share of draws with a second peak, against the truth.\n"
    )
    columns = "kind | who | observed ones foreseen | false alarms | true ones foreseen | false alarms | area under ROC | Brier score | levels kept back off by"
    rows = []
    for kind, ways in found["kinds"].items():
        for way, r in ways.items():
            counts = [share(r[group][a], r[group][b]) for group in ("observed", "true") for a, b in (("hits", "having"), ("alarms", "others"))]
            area = "" if r["area"] is None else f"{r['area'][0]:.2f} ({r['area'][1]:.2f}–{r['area'][2]:.2f})"
            rows.append(f"| {kind} | {way} | {' | '.join(counts)} | {area} | {r['brier']:.2f} | {r['error']:.0%} |")
    return "\n".join([head, f"| {columns} |", "|" + "---|" * 9, *rows])
