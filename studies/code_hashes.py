"""Hash the code that trains and scores -> studies/code_hashes.csv.

The stages of the studies depend on that file instead of on measure.py and on each directory of the library. They run again when
any of it changes just the same, and `dvc repro`, which reads every stage of the project, has far less to read.
"""

from pathlib import Path

from fashion.pipeline import stage, tables
from fashion.pipeline.files import sha256
from fashion.pipeline.yaml import read_yaml

PIPELINE = Path("studies/dvc.yaml")
HASHES = Path("studies/code_hashes.csv")
THIS = "studies/code_hashes.py"


def main() -> None:
    """Write the SHA-256 of every file of code under this stage's own dependencies."""
    deps = [Path(dep) for dep in read_yaml(PIPELINE)["stages"]["code"]["deps"] if dep != THIS]
    files = sorted(file for dep in deps for file in ([dep] if dep.is_file() else dep.rglob("*.py")))
    tables.write(HASHES, ({"file": file.as_posix(), "sha256": sha256(file)} for file in files))
    print(f"{len(files)} files -> {HASHES}")


if __name__ == "__main__":
    stage.run(main, __doc__, reads=lambda _: [])
