"""What do a result's bits depend on? Run the last commit's pipeline under other conditions -> studies/determinism/table.md.

Each row is a fresh clone and a forced `dvc repro`, with environment variables that TensorFlow or its oneDNN library read.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "src"))

import verify
from fashion.errors import UserError, one_line_errors
from fashion.files import atomic_write, sha256

CONDITIONS = {
    "as it is": {},
    "1 thread": {"TF_NUM_INTRAOP_THREADS": "1"},
    "4 threads": {"TF_NUM_INTRAOP_THREADS": "4"},
    "oneDNN limited to AVX2": {"ONEDNN_MAX_CPU_ISA": "AVX2"},
    "without oneDNN": {"TF_ENABLE_ONEDNN_OPTS": "0"},
}


def run(condition: dict[str, str]) -> tuple[str, verify.Scores]:
    """Run the pipeline in a fresh clone; return the SHA-256 of the first member's model, and the accuracies.

    Raises:
        UserError: the pipeline failed.
    """
    with tempfile.TemporaryDirectory() as directory:
        clone = Path(directory) / "clone"
        verify.make_clone(clone)
        command = verify.repro_command(clone)
        command["env"] |= condition
        if subprocess.run(**command).returncode:
            raise UserError(f"the pipeline failed under {condition}")
        return sha256(clone / "models/first.keras"), verify.accuracies((clone / verify.METRICS).read_text())


def main() -> None:
    """Write the table.

    Raises:
        UserError: a pipeline failed.
        OSError: the table cannot be written.
    """
    lines = ["| condition | model (SHA-256) | training | validation | test |", "| --- | --- | --- | --- | --- |"]
    for name, condition in CONDITIONS.items():
        model, accuracies = run(condition)
        cells = " | ".join(f"{value:.2%}" for value in accuracies.values())
        lines.append(f"| {name} | `{model[:8]}…` | {cells} |")
        print(lines[-1], flush=True)
    lines += ["", "Machine: `" + json.dumps(verify.describe_machine()) + "`"]
    with atomic_write(HERE / "table.md") as file:
        file.write(("\n".join(lines) + "\n").encode())


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    with one_line_errors():
        main()
