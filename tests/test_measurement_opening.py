"""Is the memory that `benchmark --of opening` states that of the process it is asked of, and does its sentence hold every figure?"""

import os
from pathlib import Path

import pytest

from pkvae_core.commands.browser import Server
from pkvae_core.commands.measurements import opening

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc, which is Linux's")
OURS = Server("http://127.0.0.1:0", os.getpid(), 0.0, 0.0)


def test_memory_grows_by_what_is_held_and_the_most_is_never_below_it():
    before = OURS.memory_MB()
    held = bytearray(os.urandom(1)) * 200_000_000
    assert 100 < OURS.memory_MB() - before < 300  # the kernel counts in batches, and other memory comes and goes meanwhile
    assert OURS.memory_MB("VmHWM") > before + 100 and len(held) == 200_000_000


def test_the_sentence_holds_the_median_the_slowest_and_the_most():
    found = {
        "drugs": 11, "load": 0.25, "cores": 2, "cold": [{"healthy_s": 1.0, "painted_s": s} for s in (4.0, 9.0, 5.0)], "warm_s": [1.0, 3.0, 2.0],
        "pages": [{"page": "Models", "seconds": 2.5}, {"page": "Latent space", "seconds": 6.5}], "examples": [{"seconds": 1.25}, {"seconds": 7.75}],
        "memory_MB": {"first page": 401.0, "every page": 502.0, "every example": 603.0, "most": 704.0},
    }  # fmt: skip
    said = opening.markdown(found)
    assert "painted: 5.0 s (slowest of 3: 9.0)" in said and "A later visit: 2.0 s (slowest of 3: 3.0)" in said
    assert "6.5 s (Latent space)" in said and "slowest 7.8 s" in said and "load before 0.2 on 2 cores" in said
    assert [f"{memory} MB" in said for memory in (401, 502, 603, 704)] == [True] * 4
