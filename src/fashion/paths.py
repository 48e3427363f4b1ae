"""Every path of the project, relative to its top directory, in which every program runs."""

from collections.abc import Iterable
from pathlib import Path

from fashion.pipeline.errors import UserError

PARAMS = Path("params.yaml")
LOCK = Path("dvc.lock")

RAW = Path("data/raw")
RAW_CLASSES = RAW / "classes.txt"  # of a data set of your own alone: the names of its classes, one a line
CORRECTIONS = Path("data/corrections")
WEIGHTS = Path("data/weights")  # of a user's own; training depends on the directory
PREPARED = Path("data/prepared")
TRAIN, VALIDATION, TEST = (PREPARED / f"{split}.npz" for split in ("train", "validation", "test"))

MODELS = Path("models")
# Git and DVC know nothing of it: DVC removes a stage's outputs before it runs, and this has to outlive a killed run.
RESUME = Path(".resume")
EXPORTED = Path("exported")
ONNX = EXPORTED / "model.onnx"

REPORTS = Path("reports")
HISTORY = REPORTS / "history"
METRICS = REPORTS / "metrics.json"
CLASSES = REPORTS / "classes.csv"
PREDICTIONS = REPORTS / "predictions.csv"
RELIABILITY = REPORTS / "reliability.csv"
OUT_OF_DISTRIBUTION = REPORTS / "out_of_distribution.npz"  # not in git: DVC's, as the networks that it belongs to
FIGURES = REPORTS / "figures"
PAGE, MODEL_CARD = REPORTS / "index.html", REPORTS / "model_card.md"
MACHINE = REPORTS / "machine.json"
IMPROVEMENTS = REPORTS / "improvements.csv"  # and .md and .png beside it

RECIPES = Path("recipes")
BASELINE = RECIPES / "baseline.yaml"
ABLATION_STUDY = Path("studies/ablation")
IMPROVEMENTS_STUDY = Path("studies/improvements")
SEEDS_STUDY = Path("studies/seeds")
CROSS_VALIDATION_STUDY = Path("studies/cross_validation")
LABELS_STUDY = Path("studies/labels")
LABEL_AUDIT = LABELS_STUDY / "audit.csv"
TUNING_STUDY = Path("studies/tuning")
PHOTOS_STUDY = Path("studies/photos")
OUT_OF_DISTRIBUTION_STUDY = Path("studies/out_of_distribution")
SPEED_STUDY = Path("studies/speed")
REPRODUCIBILITY_STUDY = Path("studies/reproducibility")


def refuse_links() -> None:
    """Check that DVC can record what stages make.

    Raises:
        UserError: a directory is a link, which git, and so DVC, does not follow.
    """
    for directory in (RAW.parent, MODELS, REPORTS):
        if directory.is_symlink():
            raise UserError(
                f"{directory}: a link, and DVC records nothing behind one; make it a directory again, and let DVC keep the "
                "files elsewhere: `dvc cache dir --local DIRECTORY && dvc config --local cache.type symlink`"
            )


def model_of(member: str) -> Path:
    """Return the file of a member's network."""
    return MODELS / f"{member}.keras"


def history_of(member: str) -> Path:
    """Return the file of a member's learning curves."""
    return HISTORY / f"{member}.csv"


def model_files(members: Iterable[str]) -> dict[str, Path]:
    """Return each member's network; see `member_files`."""
    return member_files(MODELS, {member: model_of(member) for member in members})


def history_files(members: Iterable[str]) -> dict[str, Path]:
    """Return each member's learning curves; see `member_files`."""
    return member_files(HISTORY, {member: history_of(member) for member in members})


def member_files(directory: Path, expected: dict[str, Path]) -> dict[str, Path]:
    """Return `expected` once the directory holds these files and no others; hidden files do not count.

    Raises:
        UserError: a member's file is missing, or a file belongs to no member.
    """
    present = {path for path in directory.glob("*") if not path.name.startswith(".")}
    for path in sorted(present - set(expected.values())):
        raise UserError(f"{path}: belongs to no member of `ensemble` in params.yaml; delete it")
    for path in expected.values():
        if path not in present:
            raise UserError(f"{path}: missing; run `dvc repro`")
    return expected
