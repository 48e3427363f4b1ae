"""Clones in places and under circumstances that people really have, and what they do there."""

import subprocess

from conftest import ROOT


def git(*words: str) -> str:
    """Run git and return what it printed."""
    return subprocess.run(["git", *words], check=True, capture_output=True, text=True).stdout


def test_a_clone_with_autocrlf_has_the_same_bytes(tmp_path):
    git("clone", "--quiet", "--config", "core.autocrlf=true", str(ROOT), str(tmp_path / "clone"))
    lines = git("-C", str(tmp_path / "clone"), "ls-files", "--eol").splitlines()
    converted = [line for line in lines if line.split()[0].removeprefix("i/") != line.split()[1].removeprefix("w/")]
    assert len(lines) > 200 and converted == []
