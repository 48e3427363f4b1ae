"""A short version of studies/kill_drill: `kill -9` of the whole process group, then `dvc repro` again."""

import sys

from conftest import ROOT

sys.path.insert(0, str(ROOT / "studies" / "kill_drill"))

import drill  # noqa: E402


def test_killed_twice_and_nothing_lost(raw):
    assert drill.drill(kills=2, seed=7, raw=str(raw)) == 2
