"""Who computes a ward: every core of this machine, or the workers of a Dask cluster? Both hand out the same parts, so that both give the same numbers.

A worker that dies takes nobody with it: the patients it held are asked about again one by one, and one whose own worker dies has a row that says so.
"""

import multiprocessing
import os
import time
from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from pkvae_core.dosing.target import Target
from pkvae_core.insight.ward import WardRow, parts, unanswered, ward_rows
from pkvae_core.records.history import PatientRecord
from pkvae_core.vae.checkpoint import load_model
from pkvae_core.vae.vae import PKVAE

DASK = "dask[distributed]==2026.8.0"
DIED = "The process that computed this patient died, alone with it too: nothing is known. Open the patient alone, and look for what is unusual in the record."
DESERTED = "No worker of the cluster was left to compute this patient. Start workers, and run again."
REACH_S, LOOK_S, PATIENCE_S = 20, 5, 60  # to reach a scheduler; between two looks at the workers; without any worker before we give up

Part = tuple[int, ...]
Rows = Iterator[tuple[int, WardRow]]


@dataclass(frozen=True)
class Ask:
    """What every worker must know: the drug, or the folder of a model of your own (which a cluster must share), the version of the model here, the target, the
    seed and the number of draws."""

    model: str | Path
    version: str
    target: Target | None
    seed: int = 0
    draws: int = 1000


def work(ask: Ask, records: Sequence[PatientRecord]) -> list[WardRow]:
    """The rows of one part, in whichever process. Raises ValueError where the model there is another one."""
    torch.set_num_threads(1)  # one patient's matrices are too small to share
    model = _model(ask.model)
    if model.version != ask.version:
        raise ValueError(f"a worker has the model {model.version} and this machine {ask.version}. Install the same PKVAE on both.")
    return list(ward_rows(model, records, ask.target, draws=ask.draws, seed=ask.seed))


@lru_cache(maxsize=2)
def _model(where: str | Path) -> PKVAE:
    return load_model(where)


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def here(ask: Ask, records: Sequence[PatientRecord]) -> Rows:
    """In this process, one part after the other."""
    for part in parts(records):
        yield from zip(part, work(ask, [records[place] for place in part]), strict=True)


def on_cores(ask: Ask, records: Sequence[PatientRecord], count: int) -> Rows:
    """On so many processes of this machine, each with one thread; in this one where that is as quick."""
    waiting = list(parts(records))
    if min(count, len(waiting)) < 2:
        yield from here(ask, records)
        return
    while waiting:
        lost = yield from _together(ask, records, waiting, min(count, len(waiting)))
        suspected, waiting = lost[: 2 * count + 1], lost[2 * count + 1 :]  # whoever may have been in a worker, or next in line
        yield from _one_by_one(ask, records, [place for part in suspected for place in part])


def _pool(count: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn"))  # a fork of a process with torch's threads may hang


def _together(ask: Ask, records: Sequence[PatientRecord], waiting: Sequence[Part], count: int) -> Generator[tuple[int, WardRow], None, list[Part]]:
    """Yields the rows as they come; returns the parts that were lost when a worker died, in the order they were handed out."""
    pool, lost = _pool(count), []
    try:
        part_of = {pool.submit(work, ask, [records[place] for place in part]): part for part in waiting}
        for future in as_completed(part_of):
            try:
                yield from zip(part_of[future], future.result(), strict=True)
            except BrokenProcessPool:
                lost.append(part_of[future])
    finally:
        pool.shutdown(cancel_futures=True)
    return sorted(lost, key=list(waiting).index)


def _one_by_one(ask: Ask, records: Sequence[PatientRecord], places: Sequence[int]) -> Rows:
    """Each patient alone; a patient whose process dies has a row that says so."""
    waiting = deque(places)
    while waiting:
        pool = _pool(1)
        try:
            while waiting:
                place = waiting.popleft()
                yield place, pool.submit(work, ask, [records[place]]).result()[0]
        except BrokenProcessPool:
            yield place, unanswered(records[place], DIED)
        finally:
            pool.shutdown(cancel_futures=True)


def on_dask(ask: Ask, records: Sequence[PatientRecord], address: str) -> Rows:
    """On the workers of the Dask scheduler at this address. Raises ValueError where Dask, the scheduler, its workers or our package there are missing."""
    distributed = dask_distributed()
    try:
        client = distributed.Client(address, timeout=REACH_S)
    except (OSError, ValueError) as error:
        raise ValueError(f"no Dask scheduler answers at {address} ({error}). Start one with `dask scheduler`, and give its address.") from error
    with client:
        _check_workers(client, ask)
        asked = {client.submit(work, ask, [records[place] for place in part], pure=False): part for part in parts(records)}
        while asked:
            if (ended := _next_ended(distributed, client, asked)) is None:
                yield from ((place, unanswered(records[place], DESERTED)) for part in asked.values() for place in part)
                return
            part, error = asked.pop(ended), ended.exception()
            if error is None:
                yield from zip(part, ended.result(), strict=True)
            elif not isinstance(error, distributed.scheduler.KilledWorker):
                raise error
            elif len(part) == 1:
                yield part[0], unanswered(records[part[0]], DIED)
            else:
                asked |= {client.submit(work, ask, [records[place]], pure=False): (place,) for place in part}


def dask_distributed() -> Any:
    """The package; ValueError says how to install it."""
    try:
        import distributed
    except ImportError as error:
        raise ValueError(f'--dask needs Dask, which the rest of PKVAE does not: pip install "{DASK}".') from error
    return distributed


def _check_workers(client: Any, ask: Ask) -> None:
    """Raises ValueError unless there are workers, and each has our package and the same model."""
    try:
        client.wait_for_workers(1, timeout=REACH_S)
        found = client.run(_version, ask.model)
    except TimeoutError as error:
        raise ValueError(f"the Dask scheduler has no worker after {REACH_S} s. Start some with `dask worker ADDRESS --nthreads 1`.") from error
    except ModuleNotFoundError as error:
        raise ValueError(f"a worker of the cluster cannot import {error.name}. Install PKVAE and its requirements there, or start the worker here.") from error
    if others := {where: version for where, version in found.items() if version != ask.version}:
        where, version = next(iter(others.items()))
        raise ValueError(f"the worker at {where} has the model {version}, this machine {ask.version}. Install the same PKVAE on both.")


def _version(where: str | Path) -> str:
    """ "none" where that worker has no such model."""
    try:
        return _model(where).version
    except ValueError:
        return "none"


def _next_ended(distributed: Any, client: Any, asked: Mapping[Any, Part]) -> Any:
    """A future that has ended, well or badly; None when there has been no worker for `PATIENCE_S`."""
    seen = time.monotonic()
    while True:
        if ended := next((future for future in asked if future.done()), None):
            return ended
        try:
            distributed.wait(list(asked), timeout=LOOK_S, return_when="FIRST_COMPLETED")
        except TimeoutError:
            if client.nthreads():
                seen = time.monotonic()
            if time.monotonic() - seen > PATIENCE_S:
                return None
