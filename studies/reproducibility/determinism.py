"""What do the bits of the result depend on? Train and score with other thread counts, instructions and precisions.

Each row is `dvc repro` in a fresh clone of the last commit with one thing changed; two of them are run twice. A row has the
bytes of the first or it has not, and its accuracies say whether that matters. -> studies/reproducibility/determinism.md
"""

import argparse
import tempfile
from pathlib import Path

from fashion import paths
from fashion.clones import clean_commit
from fashion.pipeline import tables
from fashion.pipeline.errors import one_line_errors
from fashion.pipeline.files import sha256, write_text
from fashion.pipeline.machine import THREADS, describe_machine
from fashion.reproduction import accuracies
from fashion.timing import Clone, list_machine

PAGE = paths.REPRODUCIBILITY_STUDY / "determinism.md"
# What is changed: the precision, and variables that TensorFlow and oneDNN read.
ONE_THREAD = dict.fromkeys(THREADS, "1")
ROWS = {
    "nothing": ("auto", {}),
    "nothing, again": ("auto", {}),
    "one thread": ("auto", ONE_THREAD),
    "four threads": ("auto", {"TF_NUM_INTRAOP_THREADS": "4"}),
    "float32": ("float32", {}),
    "float32, again": ("float32", {}),
    "float32, one thread": ("float32", ONE_THREAD),
    "float32, oneDNN limited to AVX2": ("float32", {"ONEDNN_MAX_CPU_ISA": "AVX2"}),
    "float32, without oneDNN": ("float32", {"TF_ENABLE_ONEDNN_OPTS": "0"}),
}


def run(precision: str, environment: dict[str, str]) -> tuple[str, dict[str, float]]:
    """Train and score in a fresh clone.

    Returns:
        The SHA-256 of the first member's model file, and the accuracies on train, validation and test.

    Raises:
        UserError: the pipeline failed.
    """
    with tempfile.TemporaryDirectory() as directory:
        clone = Clone(Path(directory) / "clone", paths.PARAMS)
        first = next(iter(clone.use({"train": {"precision": precision}}).ensemble))
        clone.repro("--force", **environment)
        return sha256(clone.path / paths.model_of(first)), accuracies((clone.path / paths.METRICS).read_text())


def page(commit: str, rows: list[dict[str, str]]) -> str:
    """Put the rows into a table, Markdown."""
    machine = list_machine(describe_machine())
    return f"""# What the bits depend on

`python {paths.REPRODUCIBILITY_STUDY}/determinism.py`, commit {commit}, on this machine:

{machine}

{tables.markdown(rows)}
"""


def main() -> None:
    """Run each row and write the page.

    Raises:
        UserError: the pipeline failed, or the tree has changes that no clone would have.
    """
    commit = clean_commit()
    rows = []
    for name, (precision, environment) in ROWS.items():
        digest, scores = run(precision, environment)
        settings = " ".join(f"`{key}={value}`" for key, value in environment.items())
        percentages = {key: f"{accuracy:.2%}" for key, accuracy in scores.items()}
        rows.append(
            {"what was changed": f"{name} {settings}".strip(), "SHA-256 of the model": f"`{digest[:12]}`", **percentages}
        )
        print(*rows[-1].values(), flush=True)
    write_text(PAGE, page(commit, rows))
    print(f"-> {PAGE}")


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    with one_line_errors():
        main()
