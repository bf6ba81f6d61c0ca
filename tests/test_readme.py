"""What the README tells a newcomer to type works as written."""

import csv
import shlex
from pathlib import Path

from pkvae_core.__main__ import main

README = Path(__file__).parents[1] / "README.md"


def test_the_walk_from_a_file_to_a_dose_ends_in_a_ranking(tmp_path, monkeypatch):
    line = next(line for line in README.read_text().splitlines() if "pkvae_core dose" in line)
    words = shlex.split(line.split("pkvae_core ")[1])
    monkeypatch.chdir(README.parent)
    words[words.index("--out") + 1] = str(tmp_path / "regimens.csv")
    assert main(words) == 0
    with open(tmp_path / "regimens.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["RANK"] == "1" and float(rows[0]["P_IN"]) > 0.25


def test_every_file_that_the_readme_links_to_is_there():
    text = README.read_text()
    linked = [part.split(")")[0] for part in text.split("](")[1:]]
    assert linked and all((README.parent / name).exists() for name in linked if not name.startswith("http"))
