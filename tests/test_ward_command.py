"""A ward from a file to a table: on one core, on all of them, on a cluster, with patients and workers that fail."""

import csv
import os
import re
import sys
from collections.abc import Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from types import SimpleNamespace

import pytest

from pkvae_core.__main__ import main
from pkvae_core.checks.virtual import fresh
from pkvae_core.commands import crew
from pkvae_core.commands.crew import Ask, here, on_cores, on_dask
from pkvae_core.dosing.target import Target
from pkvae_core.drugs.card import load_card
from pkvae_core.insight import ward as module
from pkvae_core.insight.ward import WardRow
from pkvae_core.patient import Patient
from pkvae_core.records.history import PatientRecord
from pkvae_core.report.ward import COLUMNS
from pkvae_core.vae.checkpoint import load_model

HEADER, COVARIATES = "ID,TIME,AMT,DUR,DV,EVID,AGE,SEX,WT,HT,SCR\n", "60,M,75,178,1.0"
CARD = load_card("vancomycin")
ASK = Ask("vancomycin", load_model("vancomycin").version, Target.from_spec(CARD.target()), draws=30)
RECORDS = [PatientRecord(patient) for patient in fresh(CARD, 8, seed=11).patients]


def course(patient: str, level: str, amount_mg: int = 1000) -> str:
    """Four doses every 12 h over 2 h and one trough at 35.5 h."""
    rows = [f"{patient},{12 * i},{amount_mg},2,,1" for i in range(4)] + [f"{patient},35.5,,,{level},0"]
    return "".join(f"{row},{COVARIATES}\n" for row in rows)


@pytest.fixture
def run(tmp_path, capsys, monkeypatch):
    """Runs `ward` on a file of these rows in an empty folder; gives exit code, stderr and the rows of OUT.csv."""
    monkeypatch.chdir(tmp_path)

    def run(content: str, *flags: str, drug: str = "vancomycin") -> tuple[int, str, list[dict[str, str]]]:
        Path("cases.csv").write_text(content)
        code = main(["ward", "cases.csv", "--drug", drug, "--out", "out.csv", *flags])
        out = Path("out.csv")
        return code, capsys.readouterr().err, list(csv.DictReader(out.open(newline="", encoding="utf-8"))) if out.exists() else []

    return run


@pytest.fixture(scope="module")
def rows() -> dict[int, WardRow]:
    return dict(here(ASK, RECORDS))


def test_a_ward_is_ranked_and_nobody_is_lost(run):
    content = HEADER + course("fine", "7.5") + course("high", "32") + course("low", "2.5", 250) + course("wrong", "high") + course("slip", "4000")
    code, err, rows = run(content)
    assert code == 1 and tuple(rows[0]) == COLUMNS
    assert [row["ID"] for row in rows] == ["high", "low", "fine", "slip", "wrong"]
    assert [row["RANK"] for row in rows] == ["1", "2", "3", "", ""]
    assert rows[0]["URGENCY"] == "too high" and float(rows[0]["P_TOO_HIGH"]) > 0.5 and "less a day" in rows[0]["CHANGE"]
    assert rows[0]["CURRENT"] == "1,000 mg every 12 h, over 2 h" and rows[0]["BASIS"] == "unchanged" and rows[0]["LAST_LEVEL"] == "32"
    assert rows[1]["URGENCY"] == "too low" and "more a day" in rows[1]["CHANGE"]
    assert rows[3]["VERDICT"] == "refused" and "4,000 mg/L cannot be" in rows[3]["REASON"]
    assert 'DV is "high"' in rows[4]["REASON"] and "1 of 5 patients not answered: wrong." in err


def test_units_are_read_from_the_file_and_stand_in_the_answer(run):
    _, _, plain = run(HEADER + course("A", "12"))
    _, _, micro = run(HEADER + course("A", "12000"), "--dv-unit", "ug/L")
    assert (micro[0]["LAST_LEVEL"], micro[0]["LEVEL_UNIT"]) == ("12000", "ug/L") and micro[0]["EXPOSURE_UNIT"] == "mg·h/L"
    assert [micro[0][name] for name in ("EXPOSURE_MEDIAN", "P_IN")] == [plain[0][name] for name in ("EXPOSURE_MEDIAN", "P_IN")]


def test_another_target_of_the_card_is_asked_for_by_its_metric(run):
    _, err, rows = run(HEADER + course("A", "12"), "--metric", "trough")
    assert "10 to 20 mg/L" in err and 5 < float(rows[0]["EXPOSURE_MEDIAN"]) < 25
    code, err, _ = run(HEADER + course("A", "12"), "--metric", "peak")
    assert code == 2 and "no target for 'peak'" in err


def test_a_file_without_a_patient_that_can_be_read_is_exit_code_2_with_the_reasons(run):
    code, _, rows = run(HEADER + course("wrong", "high"))
    assert code == 2 and [row["URGENCY"] for row in rows] == ["unanswered"]


class Deadly(PatientRecord):
    """A record that ends the process which opens it."""

    def __reduce__(self):
        return os._exit, (1,)


def test_cores_give_the_same_numbers(monkeypatch):
    """Two processes are started, hence the seconds. Parts of two make a few patients enough to share out."""
    monkeypatch.setattr(module, "AT_ONCE", 2)
    assert dict(on_cores(ASK, RECORDS[:4], 2)) == dict(here(ASK, RECORDS[:4]))


class Mortal:
    """A pool without processes that breaks for good, as the real one does, once somebody opens a deadly record in it."""

    def __init__(self, count: int):
        self.is_broken = False

    def submit(self, function, ask, records) -> Future:
        future: Future = Future()
        self.is_broken |= any(isinstance(record, Deadly) for record in records)
        if self.is_broken:
            future.set_exception(BrokenProcessPool())
        else:
            future.set_result(function(ask, records))
        return future

    def shutdown(self, cancel_futures: bool) -> None: ...


@pytest.mark.parametrize("place", [0, 4, 8])
def test_a_worker_that_dies_takes_nobody_along(rows, monkeypatch, place):
    monkeypatch.setattr(module, "AT_ONCE", 2)
    monkeypatch.setattr(crew, "_pool", Mortal)
    deadly = Deadly(Patient("deadly", RECORDS[0].patient.doses))
    found = dict(on_cores(ASK, [*RECORDS[:place], deadly, *RECORDS[place:]], 2))
    assert found.keys() == set(range(9)) and found[place].reason == crew.DIED and found[place].is_failed
    others = [found[i] for i in range(9) if i != place]
    assert [row.patient_id for row in others] == [record.patient.id for record in RECORDS]
    assert [row.urgency for row in others] == [rows[i].urgency for i in range(8)]


def test_another_model_on_a_worker_stops_the_run(rows):
    with pytest.raises(ValueError, match="Install the same PKVAE on both"):
        list(here(Ask("vancomycin", "vancomycin-1999", ASK.target), RECORDS[:1]))


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """One Dask worker in this process: a second to start, where processes would take ten."""
    distributed = pytest.importorskip("distributed", reason="dask is not installed")
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None) as found:
        yield found.scheduler_address


def test_a_dask_cluster_gives_the_same_numbers(cluster, rows):
    assert dict(on_dask(ASK, RECORDS, cluster)) == rows


def test_a_worker_with_another_model_is_found_before_anything_is_asked(cluster):
    with pytest.raises(ValueError, match="the worker at .* has the model"):
        list(on_dask(Ask("vancomycin", "vancomycin-1999", ASK.target), RECORDS, cluster))


def test_where_no_scheduler_answers_it_is_said(monkeypatch):
    pytest.importorskip("distributed", reason="dask is not installed")
    monkeypatch.setattr(crew, "REACH_S", 0.5)
    with pytest.raises(ValueError, match="no Dask scheduler answers at tcp://127.0.0.1:9"):
        list(on_dask(ASK, RECORDS, "tcp://127.0.0.1:9"))


def test_without_dask_the_command_says_how_to_install_it(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    code, err, _ = run(HEADER + course("A", "12"), "--dask", "tcp://127.0.0.1:9")
    assert code == 2 and f'pip install "{crew.DASK}"' in err


def test_the_version_of_dask_that_is_named_is_the_pinned_one():
    pins = (Path(__file__).parents[1] / "requirements-dev.txt").read_text()
    assert re.search(rf"^{re.escape(crew.DASK)}$", pins, re.MULTILINE)
    assert "dask" not in (Path(__file__).parents[1] / "requirements.txt").read_text()


class KilledWorker(Exception):
    """Stands for Dask's own."""


class Dying:
    """A cluster of no workers that answers at once, and loses whoever opens a deadly record."""

    def __init__(self, *args, **options): ...

    def __enter__(self):
        return self

    def __exit__(self, *args): ...

    def wait_for_workers(self, count: int, timeout: float) -> None: ...

    def run(self, function, *args) -> dict:
        return {"here": function(*args)}

    def submit(self, function, ask, records, pure) -> Future:
        future: Future = Future()
        if any(isinstance(record, Deadly) for record in records):
            future.set_exception(KilledWorker())
        else:
            future.set_result(function(ask, records))
        return future


def test_on_a_cluster_too_the_patients_of_a_dead_worker_are_asked_again_one_by_one(rows, monkeypatch):
    monkeypatch.setattr(crew, "dask_distributed", lambda: SimpleNamespace(Client=Dying, scheduler=SimpleNamespace(KilledWorker=KilledWorker)))
    found = dict(on_dask(ASK, [*RECORDS, Deadly(Patient("deadly", RECORDS[0].patient.doses))], "tcp://anywhere"))
    assert found.keys() == set(range(9)) and found[8].reason == crew.DIED
    assert [found[i].urgency for i in range(8)] == [rows[i].urgency for i in range(8)]
