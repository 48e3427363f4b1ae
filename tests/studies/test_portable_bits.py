"""studies/reproducibility/portable_bits.py: when it says that processors agree, and its training."""

import json
import runpy

import pytest
from conftest import ROOT

SCRIPT = "studies/reproducibility/portable_bits.py"


def row(processor: str, setting: str, trained: str, inputs: str = "now") -> dict[str, str]:
    return {
        "inputs": inputs,
        "commit": "c",
        "processor": processor,
        "setting": setting,
        "untrained": "start",
        "trained": trained,
    }


def test_processors_agree_only_if_the_bytes_are_the_same():
    rows = [
        row("old", "one thread", "aaa", inputs="before"),
        row("AMD", "one thread", "aaa"),
        row("AMD", "as it is", "bbb"),
        row("Intel", "one thread", "aaa"),
        row("Intel", "as it is", "ddd"),
        row("Intel", "no oneDNN, NumPy at AVX2", "eee"),
    ]
    page = runpy.run_path(str(ROOT / SCRIPT))["page"](rows)
    lines = [line.split("|") for line in page.splitlines() if line.startswith("|")]
    verdict = {line[1].strip(): line[-2].strip() for line in lines[2:]}
    assert verdict["as it is"] == "no" and verdict["one thread"] == "yes"
    assert verdict["no oneDNN, NumPy at AVX2"] == "not known"
    assert "- processor 1: AMD\n- processor 2: Intel\n" in page and "old" not in page


@pytest.mark.slow
def test_the_same_processor_trains_the_same_network_twice(trained):
    def train() -> dict[str, str]:
        done = trained.run(".venv/bin/python", SCRIPT, "--train")
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(done.stdout)

    found = train()
    assert found == train()
    assert found["untrained"] != found["trained"]
