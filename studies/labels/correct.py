"""Turn the most suspicious labels into a table of corrections for `prepare.exclude`: audit.csv -> corrections/suspects.csv."""

import argparse
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "src"))

from fashion import corrections, tables
from fashion.errors import ParameterError, one_line_errors

# Not label_audit.csv, which a row of the improvements study is measured with.
OUTPUT = Path("corrections/suspects.csv")
AUDIT = Path("studies/labels/audit.csv")


def main(count: int, relabel: bool) -> None:
    """Write the table.

    Raises:
        ParameterError: there are not so many suspects.
        UserError: the audit is damaged.
        OSError: a file cannot be read or written.
    """
    found = tables.read(AUDIT, ("index", "label", "more_likely"))
    if not 1 <= count <= len(found["index"]):
        raise ParameterError(f"{count} is not from 1 to {len(found['index'])}, the number of suspects in {AUDIT}")
    if not all(index.isdecimal() for index in found["index"]):
        raise tables.damaged(AUDIT, "an index is no whole number")
    rows = sorted(list(zip(*found.values()))[:count], key=lambda row: int(row[0]))
    becomes = (guess if relabel else "" for _, _, guess in rows)
    tables.write(OUTPUT, (dict(zip(corrections.COLUMNS, (*row[:2], new))) for row, new in zip(rows, becomes)))
    print(f"{count} images {'relabelled' if relabel else 'left out'} -> {OUTPUT}; name it as prepare.exclude in params.yaml")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, help="how many, the most suspicious first")
    parser.add_argument("--relabel", action="store_true", help="give them the more likely label, instead of leaving them out")
    arguments = parser.parse_args()
    with one_line_errors():
        main(arguments.count, arguments.relabel)
