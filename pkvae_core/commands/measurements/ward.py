"""How long does a ward of 1,000 patients take, and are its numbers the same on a cluster, in one process and on the Dose page?"""

import os
import resource
import time
from collections.abc import Callable, Sequence

from pkvae_core.checks.virtual import fresh
from pkvae_core.commands.crew import Ask, Rows, dask_distributed, here, on_cores, on_dask
from pkvae_core.dosing.candidates import candidates
from pkvae_core.dosing.current import standing
from pkvae_core.dosing.recommend import recommend
from pkvae_core.dosing.target import Target
from pkvae_core.inference.answering import answer_for
from pkvae_core.insight.ward import WardRow
from pkvae_core.insight.ward_words import counted
from pkvae_core.records.history import PatientRecord
from pkvae_core.vae.checkpoint import load_model

TITLE = "1,000 patients through the ward table on two cores, on a local Dask cluster of two workers, and against the Dose page"
PATIENTS, CORES, COMPARED = 1000, 2, 100
DRUGS = ("vancomycin", "tobramycin", "theophylline")  # the first has most candidates, and is asked in every way


def measure(seed: int, say: Callable[[str], None]) -> dict:
    """Seconds on two cores for each drug; for the first one also in one process and on a cluster, and how far the numbers are from the Dose page's."""
    found = {"seed": seed, "patients": PATIENTS, "cores": CORES, "drugs": [_drug(drug, seed, say) for drug in DRUGS]}
    ask, records = _asked(DRUGS[0], seed)
    rows, alone = _clocked("one process", lambda: here(ask, records), say)
    on_cluster, cluster = _on_cluster(ask, records, say)
    return (
        found | {"drug": DRUGS[0], "one_process": alone, "dask": cluster | {"differing_rows": _differing(rows, on_cluster)}} | _against_page(ask, records, rows)
    )


def _asked(drug: str, seed: int) -> tuple[Ask, list[PatientRecord]]:
    model = load_model(drug)
    records = [PatientRecord(patient) for patient in fresh(model.card, PATIENTS, seed=seed).patients]
    return Ask(drug, model.version, Target.from_spec(model.card.target())), records


def _drug(drug: str, seed: int, say: Callable[[str], None]) -> dict:
    """On two cores, the start of the processes included."""
    ask, records = _asked(drug, seed)
    rows, took = _clocked(f"{drug} on {CORES} cores", lambda: on_cores(ask, records, CORES), say)
    words = {urgency.name: number for urgency, number in counted(row.urgency for row in rows).items()}
    return {"drug": drug, "model": ask.version, "urgency": words, "failed": sum(row.is_failed for row in rows)} | took


def _clocked(what: str, work: Callable[[], Rows], say: Callable[[str], None]) -> tuple[list[WardRow], dict]:
    """The rows in order, wall seconds, processor seconds of this process and its children, and how busy the machine was with others (load at the start)."""
    busy, began, spent = os.getloadavg()[0], time.perf_counter(), _processor_s()
    rows = dict(work())
    wall, processor = time.perf_counter() - began, _processor_s() - spent
    say(f"{what}: {wall:.1f} s, of which processor {processor:.1f} s (load at the start {busy:.1f})")
    return [rows[place] for place in range(len(rows))], {"wall_s": round(wall, 1), "processor_s": round(processor, 1), "load": round(busy, 1)}


def _processor_s() -> float:
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def _on_cluster(ask: Ask, records: Sequence[PatientRecord], say: Callable[[str], None]) -> tuple[list[WardRow], dict]:
    """On two workers of one thread each; the start of the cluster is not counted."""
    with dask_distributed().LocalCluster(n_workers=CORES, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        rows, took = _clocked("Dask, two workers", lambda: on_dask(ask, records, cluster.scheduler_address), say)
    return rows, {"wall_s": took["wall_s"], "load": took["load"]}  # the workers are not ended yet: their processor time is not known


def _differing(rows: Sequence[WardRow], others: Sequence[WardRow]) -> int:
    """How many rows are not equal in every bit."""
    return sum(row != other for row, other in zip(rows, others, strict=True))


def _against_page(ask: Ask, records: Sequence[PatientRecord], rows: Sequence[WardRow]) -> dict:
    """The first patients as the Dose page asks about them: alone, every candidate judged in full."""
    model, same, chances, verdicts = load_model(ask.model), 0, [0.0], 0
    target = Target.from_spec(model.card.target())
    for record, row in zip(records[:COMPARED], rows, strict=False):
        posterior = answer_for(model, record.patient)
        now_h, current = standing(record.patient)
        best = recommend(posterior, target, candidates(model.card, start_h=now_h), current=current).best
        same += (best and best.regimen) == (row.advice and row.advice.regimen)
        verdicts += bool(posterior.entitlement and posterior.entitlement.verdict == row.verdict)
        if best and row.advice:
            chances.append(abs(best.probability_in - row.advice.probability_in))
    return {"page": {"patients": COMPARED, "same_regimen": same, "same_verdict": verdicts, "largest_difference_of_chance": max(chances)}}


def markdown(found: dict) -> str:
    """What was measured, as a table and two sentences."""
    lines = [
        f"{found['patients']:,} virtual patients that training never saw (seed {found['seed']}), {found['cores']} cores, start of the processes included.",
        "",
        "| Drug | Wall time | Processor time, all processes | Load of the machine before | Failed |",
        "|---|---|---|---|---|",
        *(f"| {d['drug']} | {d['wall_s']:.0f} s | {d['processor_s']:.0f} s | {d['load']:.1f} | {d['failed']} |" for d in found["drugs"]),
        "",
    ]
    dask, page, alone = found["dask"], found["page"], found["one_process"]
    lines += [
        f"{found['drug'].capitalize()} in one process: {alone['wall_s']:.0f} s (processor {alone['processor_s']:.0f} s). On a local Dask cluster of "
        f"two workers: {dask['wall_s']:.0f} s; {dask['differing_rows']} of {found['patients']:,} rows differ in any bit.",
        f"Against the Dose page ({page['patients']} patients asked alone): the same regimen for {page['same_regimen']}, the same verdict for "
        f"{page['same_verdict']}; chances differ by at most {100 * page['largest_difference_of_chance']:.2f} points.",
    ]
    return "\n".join(lines)
