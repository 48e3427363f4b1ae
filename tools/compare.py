"""Is it really better? Compare the test predictions of two commits, branches or experiments, or of one and your files.

python tools/compare.py             the last commit with what `dvc repro` left in the working directory
python tools/compare.py OLD         OLD with the working directory
python tools/compare.py OLD NEW     OLD with NEW

That compares two trainings. Two recipes are compared by their seeds, as the studies measured them:

python tools/compare.py --seeds baseline fast      two recipes of studies/seeds, or params
python tools/compare.py --seeds baseline erase     two rows of studies/improvements, or of studies/ablation
"""

import argparse
import tempfile
from pathlib import Path

from fashion import paths
from fashion.clones import folder
from fashion.pipeline.errors import UserError, one_line_errors
from fashion.scoring.compared_seeds import compare_recipes, find_study, outdated
from fashion.scoring.comparison import compare
from fashion.scoring.prediction_table import Predictions, read_predictions

WORKSPACE = "working directory"


def read(revision: str | None) -> Predictions:
    """Read the predictions of a revision (anything that DVC takes for one), or of the working directory.

    Raises:
        UserError: there is no such revision, or it has no predictions, or damaged ones.
    """
    if revision is None:
        return read_predictions(paths.PREDICTIONS)
    if not revision.strip():
        raise UserError("an empty name is no commit, branch or experiment")
    if not paths.PARAMS.exists():
        raise UserError(f"{paths.PARAMS}: not found; run this in the project's top directory")
    # Imported here, because it takes seconds that a mistake on the command line need not wait for.
    import dvc.api
    from dvc.exceptions import DvcException
    from dvc.scm import RevError

    try:
        content = dvc.api.read(str(folder() / paths.PREDICTIONS), repo=".", rev=revision)
    except RevError:
        raise UserError(f"{revision}: no commit, branch or experiment; `git log` and `dvc exp show` list them") from None
    except (DvcException, AttributeError, UnicodeError):  # AttributeError: a name of git's that is no commit
        raise UserError(
            f"{revision}: has no {paths.PREDICTIONS}; name a commit made after `dvc repro`, with its results in it"
        ) from None
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / paths.PREDICTIONS.name
        path.write_text(content, encoding="utf-8", newline="")
        try:
            return read_predictions(path)
        except UserError:
            raise UserError(f"{revision}: its {paths.PREDICTIONS} is damaged; compare with another commit") from None


def main(old: str, new: str | None) -> None:
    """Compare two trainings and print.

    Raises:
        UserError: a revision has no predictions, or those of other images.
    """
    print(compare(old, WORKSPACE if new is None else new, read(old), read(new)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", nargs="?", default="HEAD", help="commit, branch, tag or experiment (default HEAD)")
    parser.add_argument("new", nargs="?", help="likewise (default: the working directory)")
    parser.add_argument("--seeds", nargs=2, metavar=("OLD", "NEW"), help="two recipes, or two rows of a study")
    arguments = parser.parse_args()
    with one_line_errors():
        if arguments.seeds:
            print(compare_recipes(*arguments.seeds))
            study = find_study(*arguments.seeds)
            for name in outdated(study, arguments.seeds):
                print(f"But {name} was edited since it was measured; `make {study.name}` measures it again.")
        else:
            main(arguments.old, arguments.new)
