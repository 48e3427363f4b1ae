"""What runs on GitHub: its syntax, its security, and the Pythons that it names. Nothing here needs a network."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from fashion.pipeline.yaml import read_yaml

BIN = Path(sys.prefix) / "bin"
WORKFLOWS = sorted((ROOT / ".github/workflows").iterdir())


@pytest.mark.parametrize("schema", ["vendor.github-workflows", "custom.github-workflows-require-timeout"])
def test_the_workflows_are_what_github_takes(schema):
    done = subprocess.run([BIN / "check-jsonschema", "--builtin-schema", schema, *WORKFLOWS], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_nothing_in_the_workflows_is_insecure():
    command = [BIN / "zizmor", "--offline", "--pedantic", "--no-progress", ROOT / ".github"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_supported_pythons_are_tested():
    (versions,) = re.findall(r'requires-python = ">=3\.(\d+),<3\.(\d+)"', (ROOT / "pyproject.toml").read_text())
    supported = [f"3.{minor}" for minor in range(*map(int, versions))]
    jobs = read_yaml(ROOT / ".github/workflows/test.yml")["jobs"]
    assert jobs["test"]["strategy"]["matrix"]["python"] == supported
