"""studies/reproducibility/portable_bits.py: when it says that processors agree, and its training."""

import json
import runpy

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
        "seconds": "9",
    }


def test_processors_agree_only_if_the_bytes_are_the_same():
    rows = [
        row("old", "one thread", "aaa", inputs="before"),
        row("AMD", "one thread", "aaa"),
        row("AMD", "as it is", "bbb"),
        row("AMD", "other", "ccc"),
        row("Intel", "one thread", "aaa"),
        row("Intel", "as it is", "ddd"),
    ]
    lines = [line for line in runpy.run_path(str(ROOT / SCRIPT))["page"](rows).splitlines() if line.startswith("|")]
    verdict = {line.split("|")[1].strip().split(" `")[0]: line.split("|")[-2].strip() for line in lines[2:]}
    assert verdict == {"as it is": "no", "one thread": "yes", "other": "one processor"}
    assert "old" not in lines[0] and "AMD" in lines[0] and "Intel" in lines[0]


def test_the_same_processor_trains_the_same_network_twice(trained):
    def train() -> dict[str, str]:
        done = trained.run(".venv/bin/python", SCRIPT, "--train")
        assert (done.returncode, done.stderr) == (0, "")
        return {key: value for key, value in json.loads(done.stdout).items() if key != "seconds"}

    found = train()
    assert found == train()
    assert found["untrained"] != found["trained"]
