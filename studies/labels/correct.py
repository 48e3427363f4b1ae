"""Turn the most suspicious labels into a table for `prepare.corrections`: audit.csv -> data/corrections/suspects.csv."""

import argparse

from fashion import paths
from fashion.data import corrections
from fashion.data.facts import CLASS_NAMES
from fashion.options import at_least
from fashion.pipeline import tables
from fashion.pipeline.errors import ParameterError, one_line_errors

# Not label_audit.csv, with which a row of the improvements study is measured.
OUTPUT = paths.CORRECTIONS / "suspects.csv"


def main(count: int, relabel: bool) -> None:
    """Write the table.

    Raises:
        ParameterError: there are fewer suspects than `count`.
        UserError: the audit is damaged.
    """
    found = tables.read(paths.LABEL_AUDIT, ("index", "label", "more_likely"))
    if not all(index.isascii() and index.isdecimal() for index in found["index"]):
        raise tables.damaged(paths.LABEL_AUDIT, "an index is no whole number")
    if unknown := {*found["label"], *found["more_likely"]} - {*CLASS_NAMES}:
        raise tables.damaged(paths.LABEL_AUDIT, f"{min(unknown)!r} is no class")
    suspects = list(zip(*found.values()))
    if not 1 <= count <= len(suspects):
        raise ParameterError(f"{count} is not from 1 to {len(suspects)}, the number of suspects in {paths.LABEL_AUDIT}")
    rows = sorted(suspects[:count], key=lambda row: int(row[0]))
    tables.write(
        OUTPUT, (dict(zip(corrections.COLUMNS, (index, label, guess if relabel else ""))) for index, label, guess in rows)
    )
    print(
        f"{count} images {'relabelled' if relabel else 'left out'} -> {OUTPUT}; name it as prepare.corrections in params.yaml, "
        f"and `git add {OUTPUT}`: a queued experiment gets only what git knows"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=at_least(0), help="how many, the most suspicious first")
    parser.add_argument("--relabel", action="store_true", help="give them the more likely label, instead of leaving them out")
    arguments = parser.parse_args()
    with one_line_errors():
        main(arguments.count, arguments.relabel)
