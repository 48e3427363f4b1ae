"""What do a result's bits depend on? Run the last commit's pipeline under other conditions -> studies/determinism/table.md.

Each row is a fresh clone and a `dvc repro` from nothing but the raw data, with environment variables that TensorFlow or its
oneDNN library read.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "src"))

import verify
from fashion.errors import one_line_errors
from fashion.files import atomic_write

TABLE = Path(__file__).parent / "table.md"
CONDITIONS = {
    "as it is": {},
    "as it is, once more": {},
    "1 thread": {"TF_NUM_INTRAOP_THREADS": "1"},
    "4 threads": {"TF_NUM_INTRAOP_THREADS": "4"},
    "oneDNN limited to AVX2": {"ONEDNN_MAX_CPU_ISA": "AVX2"},
    "without oneDNN": {"TF_ENABLE_ONEDNN_OPTS": "0"},
}


def run(condition: dict[str, str]) -> tuple[str, dict[str, float]]:
    """Run the pipeline in a fresh clone; return the start of the model's SHA-256, and the accuracies."""
    with tempfile.TemporaryDirectory() as directory:
        clone = Path(directory) / "clone"
        verify.git("clone", "--quiet", "--no-hardlinks", str(ROOT), str(clone))
        (clone / ".venv").symlink_to(sys.prefix)
        environment = {key: value for key, value in os.environ.items() if key != "DVC_ROOT"} | condition
        subprocess.run([clone / ".venv/bin/dvc", "repro"], cwd=clone, env=environment, check=True)
        model = hashlib.sha256((clone / "models/first.keras").read_bytes()).hexdigest()
        return model[:8], verify.accuracies((clone / verify.METRICS).read_text())


def main() -> None:
    lines = ["| condition | model (SHA-256) | training | validation | test |", "| --- | --- | --- | --- | --- |"]
    for name, condition in CONDITIONS.items():
        model, accuracies = run(condition)
        cells = " | ".join(f"{100 * value:.2f} %" for value in accuracies.values())
        lines.append(f"| {name} | `{model}` | {cells} |")
        print(lines[-1], flush=True)
    lines += ["", f"Machine: {json.dumps(verify.describe_machine())}"]
    with atomic_write(TABLE) as file:
        file.write(("\n".join(lines) + "\n").encode())


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    with one_line_errors():
        main()
