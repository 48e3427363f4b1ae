"""Write the tables of README.md and docs/ from the results."""

import argparse

from fashion.pipeline.errors import one_line_errors
from fashion.pipeline.files import write_text
from fashion.reporting.document_tables import outdated, rendered


def main() -> None:
    """Rewrite the documents whose tables are no longer those of the results.

    Raises:
        UserError: a table has an unknown name, or a result is damaged.
    """
    for path in outdated():
        text = rendered(path.read_text(encoding="utf-8"))
        write_text(path, text)
        print(f"-> {path}")


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    with one_line_errors():
        main()
