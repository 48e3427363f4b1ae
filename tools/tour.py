"""Run the notebook docs/tour.ipynb in a fresh clone of the last commit, and keep what its cells show (needs `make extras`)."""

import argparse
import shutil
import tempfile
from pathlib import Path

from fashion import paths
from fashion.clones import clean_commit, clone_environment, make_clone
from fashion.pipeline.errors import UserError, one_line_errors
from fashion.pipeline.files import write_text
from fashion.timing import execute

TOUR = Path("docs/tour.ipynb")


def main() -> None:
    """Run the notebook and rewrite it with its outputs.

    Raises:
        UserError: there are uncommitted changes, nbclient is not installed, or a cell failed.
    """
    try:
        import nbformat
        from nbclient import NotebookClient
        from nbclient.exceptions import CellExecutionError
    except ImportError:
        raise UserError("nbclient: not installed; run `make extras`") from None
    print(f"Running {TOUR} of commit {clean_commit()}: two trainings", flush=True)
    with tempfile.TemporaryDirectory() as directory:
        clone = make_clone(Path(directory) / "clone")
        if paths.RAW.exists():  # verified already: DVC need not get it again
            shutil.copytree(paths.RAW, clone / paths.RAW)
            execute(["dvc", "commit", "--quiet", "--force", "download"], clone, clone_environment(clone))
        notebook = nbformat.read(clone / TOUR, as_version=4)
        place = {"metadata": {"path": str(clone / TOUR.parent)}}
        try:
            NotebookClient(notebook, timeout=None, record_timing=False, coalesce_streams=True, resources=place).execute()
        except CellExecutionError as error:
            raise UserError(f"{TOUR}: a cell failed:\n{error}") from None
    notebook.metadata["language_info"] = {"name": "python"}  # not this machine's version of it
    write_text(TOUR, nbformat.writes(notebook) + "\n")
    print(f"-> {TOUR}")


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    with one_line_errors():
        main()
