"""What do the bits of the result depend on? Train and score the last commit under other thread counts, instructions and precisions.

Each row is `dvc repro` in a fresh clone with one thing changed; two of them are run twice. A row has the bytes of the first or it has
not, and its accuracies say whether that matters. Writes studies/determinism/table.md.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "src"))

import verify
from fashion.errors import UserError, one_line_errors
from fashion.files import atomic_write, sha256

TABLE = Path(__file__).with_name("table.md")
# What is changed: the precision, and variables that TensorFlow and oneDNN read.
ROWS = {
    "nothing": ("auto", {}),
    "nothing, again": ("auto", {}),
    "one thread": ("auto", {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}),
    "four threads": ("auto", {"TF_NUM_INTRAOP_THREADS": "4"}),
    "float32": ("float32", {}),
    "float32, again": ("float32", {}),
    "float32, one thread": ("float32", {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}),
    "float32, oneDNN limited to AVX2": ("float32", {"ONEDNN_MAX_CPU_ISA": "AVX2"}),
    "float32, without oneDNN": ("float32", {"TF_ENABLE_ONEDNN_OPTS": "0"}),
}


def run(clone: Path, precision: str, environment: dict[str, str]) -> tuple[str, dict[str, float]]:
    """Train and score in a clone.

    Returns:
        The SHA-256 of the model file, and the accuracies on train, validation and test.

    Raises:
        UserError: the pipeline failed.
    """
    params = clone / "params.yaml"
    text, count = re.subn(r"(?m)^  precision: \w+", f"  precision: {precision}", params.read_text())
    if count != 1:
        raise UserError("params.yaml has no line for train.precision")
    params.write_text(text)
    command = verify.repro_command(clone)
    command["env"] |= environment
    done = subprocess.run(**command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise UserError(f"dvc repro failed:\n{done.stdout}")
    return sha256(clone / "models" / "first.keras"), verify.accuracies((clone / verify.METRICS).read_text())


def main() -> None:
    """Run each row and write the table.

    Raises:
        UserError: the pipeline failed.
    """
    machine = verify.describe_machine()
    lines = [
        "# What the bits depend on",
        "",
        f"`python studies/determinism/measure.py`, commit {verify.git('rev-parse', '--short', 'HEAD').strip()}, on this machine:",
        "",
        *(f"- {name}: {value}" for name, value in machine.items()),
        "",
        "| what was changed | SHA-256 of the model | training | validation | test |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, (precision, environment) in ROWS.items():
        with tempfile.TemporaryDirectory() as directory:
            clone = Path(directory) / "clone"
            verify.make_clone(clone)
            digest, scores = run(clone, precision, environment)
        settings = " ".join(f"`{key}={value}`" for key, value in environment.items())
        cells = [f"{name} {settings}".strip(), f"`{digest[:12]}`", *(f"{accuracy:.2%}" for accuracy in scores.values())]
        lines.append(f"| {' | '.join(cells)} |")
        print(lines[-1], flush=True)
    with atomic_write(TABLE) as file:
        file.write(("\n".join(lines) + "\n").encode())
    print(f"-> {TABLE.relative_to(ROOT)}")


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    with one_line_errors():
        main()
