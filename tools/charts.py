"""Write the chart library of `dvc plots` into the environment, so that its pages need no network -> .venv/share/charts.js."""

import argparse
import sys
from pathlib import Path

from fashion.pipeline.errors import UserError, one_line_errors
from fashion.pipeline.files import write_text

# What the pages call, by the names of DVC's own addresses.
GLOBALS = "window.vega = vega; window.vegaLite = vegaLite; window.vegaEmbed = vegaEmbed;"


def main() -> None:
    """Write it where .dvc/plots/page.html looks for it.

    Raises:
        UserError: the package that carries it is not installed.
    """
    try:
        import vl_convert
    except ImportError:
        raise UserError("vl_convert: not installed; run `make extras`") from None
    library = vl_convert.javascript_bundle(GLOBALS, vl_version="5.8")
    path = Path(sys.prefix) / "share/charts.js"
    write_text(path, f"(() => {{{library}}})();\n")
    print(f"-> {path}")


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    with one_line_errors():
        main()
