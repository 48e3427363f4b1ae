"""A short version of studies/reproducibility/kill_drill.py."""

from pathlib import Path

import pytest
from conftest import Clone

from fashion.kill_drill import drill, remove_cut_off_lock


def test_killed_in_each_half_of_the_run_and_the_same_bytes_in_the_end(raw):
    def make_clone(path: Path) -> Path:
        clone = Clone(path)
        clone.use_raw(raw)
        return clone.path

    assert [killed.same for killed in drill(kills=2, seed=7, make_clone=make_clone)] == [True, True]


@pytest.mark.parametrize(("content", "removed"), [("", True), ('{"write": {"da', True), ('{"read": {}}', False), (None, False)])
def test_of_dvcs_locks_one_that_is_cut_off_is_removed(tmp_path, content, removed):
    lock = tmp_path / ".dvc/tmp/rwlock"
    lock.parent.mkdir(parents=True)
    if content is not None:
        lock.write_text(content)

    assert remove_cut_off_lock(tmp_path) is removed
    assert lock.exists() is (content is not None and not removed)
