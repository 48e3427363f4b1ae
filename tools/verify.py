"""Reproduce the last commit from scratch in a temporary clone, and compare every byte with what is committed.

On the machine that recorded the results (reports/machine.json) a single other byte is an error. On another one arithmetic
may round differently: there, what differs is listed, and the accuracies have to be within the tolerance.
"""

import argparse
import tempfile
from pathlib import Path

from fashion import paths
from fashion.clones import clean_commit
from fashion.pipeline.errors import one_line_errors
from fashion.pipeline.files import sha256, write_json
from fashion.pipeline.machine import describe_machine
from fashion.reproduction import TOLERANCE, accuracies, judge, read_committed, recorded_machine, reproduce


def main() -> None:
    """Reproduce and compare.

    Raises:
        UserError: the results are not reproduced.
    """
    commit = clean_commit()
    print(f"Reproducing commit {commit} from scratch", flush=True)
    machine, recorded = describe_machine(), recorded_machine()
    with tempfile.TemporaryDirectory() as directory:
        different, here = reproduce(Path(directory) / "clone")
    if different:
        print("Not identical: " + ", ".join(different))
        for line in judge(here, accuracies(read_committed(paths.METRICS)), machine, recorded):
            print(f"  {line}")
        print(f"Another machine: every accuracy is within {TOLERANCE} of the committed one.")
        return
    print(
        f"Identical: dvc.lock, with the hashes of data and models, and every file that the pipeline writes, of commit {commit}."
    )
    if recorded is None:
        record = {"dvc.lock": sha256(paths.LOCK), "machine": machine}
        write_json(paths.MACHINE, record)
        print(f"This machine is recorded as the one that did so -> {paths.MACHINE}")


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    with one_line_errors():
        main()
