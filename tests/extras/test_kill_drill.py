"""A short version of studies/reproducibility/kill_drill.py."""

from pathlib import Path

from conftest import Clone

from fashion.kill_drill import drill


def test_killed_in_each_half_of_the_run_and_the_same_bytes_in_the_end(raw):
    def make_clone(path: Path) -> Path:
        clone = Clone(path)
        clone.use_raw(raw)
        return clone.path

    assert [killed.same for killed in drill(kills=2, seed=7, make_clone=make_clone)] == [True, True]
