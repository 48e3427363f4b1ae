"""Say in a few lines what the pipeline's last run gave, and what to do next."""

import argparse

from fashion.pipeline.errors import one_line_errors
from fashion.reporting.last_run import summarize

if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    with one_line_errors():
        print(f"\n{summarize()}")
