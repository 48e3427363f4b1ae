"""Note the code with which the studies train and score, each file with its SHA-256 -> fingerprint.csv.

A study's rows depend on this one file instead of thirty, which DVC would have to read and compare for each row.
"""

import argparse
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "src"))

import prepare  # noqa: F401  what it imports is noted
import trial  # noqa: F401  likewise
from fashion import code, tables
from fashion.errors import one_line_errors


def main() -> None:
    """Write the table.

    Raises:
        OSError: it cannot be written.
    """
    rows = [
        {"file": path.relative_to(HERE.parent.resolve()).as_posix(), "sha256": digest}
        for path, digest in code.imported().items()
        if path.is_relative_to(code.SOURCE_ROOT)
    ]
    tables.write(HERE / "fingerprint.csv", rows)


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    with one_line_errors():
        main()
