"""What runs on GitHub, and what an editor makes a container of: syntax, security, names. Nothing here needs a network."""

import json
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


def test_the_editor_finds_the_container_and_its_python():
    container = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())
    dockerfile = ROOT / ".devcontainer" / container["build"]["dockerfile"]
    steps = dockerfile.read_text()
    context = (dockerfile.parent / container["build"]["context"]).resolve()
    for copied in re.findall(r"(?m)^COPY (\S+)", steps):
        assert (context / copied).is_file()
    python = Path(container["customizations"]["vscode"]["settings"]["python.defaultInterpreterPath"])
    assert f"-m venv {python.parent.parent}" in steps and f"ENV PATH={python.parent}:" in steps
    assert f" {container['remoteUser']} " in steps
