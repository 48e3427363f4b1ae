"""The real data set, and clones of this project to run it in."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings

from fashion import params, paths, sources
from fashion.data.facts import RAW_FILES

ROOT = Path(__file__).resolve().parents[1]
# The same examples in every run, and no clock: a busy machine is no failure.
settings.register_profile("repeatable", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("repeatable")
# The tests run in two processes, so TensorFlow takes one thread in each.
os.environ |= dict.fromkeys(("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1")

# Who commits in the tests: not the user, who may have git sign, run or ignore something.
COMMITTER = (
    *("-c", "user.name=Tests", "-c", "user.email=tests@localhost", "-c", "commit.gpgsign=false", "-c", "tag.gpgsign=false"),
    *("-c", "core.hooksPath=/dev/null", "-c", "core.excludesFile=/dev/null"),
)

# The files whose tests take longest, which are begun first, so that no process is left with one of them at the end.
LONGEST = (
    "test_cluster",
    "test_together",
    "test_export",
    "test_tuning",
    "test_kill_drill",
    "test_pipeline",
    "test_measure",  # it needs no pipeline that has run: meanwhile, test_pipeline makes it
    "test_stage",
    "test_places",
    "test_serve",
    "test_fit",
    "test_improvements",
    "test_merge",
    "test_registry",
    "test_tour",
    "test_folder",
    "test_optimizer",
    "test_bad_input",
    "test_pr_report",
    "test_jax",
    "test_cross_validation",
    "test_kills",
    "test_backbones",
    "test_browser",
    "test_calibration",
    "test_rules",
    "test_predict",
    "test_corrections",
    "test_sources",
    "test_whitening",
    "test_postgresql",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that take longest first; the tests of a file stay in their order."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(LONGEST)))


@pytest.fixture(scope="session", autouse=True)
def no_settings_of_a_user(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Programs that the tests start speak English, and find none of the user's settings of DVC. Of git's: see COMMITTER."""
    os.environ |= {"LC_ALL": "C.UTF-8", "LANGUAGE": "", "DVC_NO_ANALYTICS": "1"}
    empty = str(tmp_path_factory.mktemp("empty"))
    os.environ |= dict.fromkeys(("DVC_GLOBAL_CONFIG_DIR", "DVC_SYSTEM_CONFIG_DIR"), empty)


@pytest.fixture(scope="session")
def root() -> Path:
    """The top directory of the project under test."""
    return ROOT


@pytest.fixture(scope="session")
def common(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that is the same one in every process of this run of the tests."""
    directory = tmp_path_factory.getbasetemp()
    return directory.parent if "PYTEST_XDIST_WORKER" in os.environ else directory


def made_once(directory: Path, make: Callable[[Path], str]) -> str:
    """Let the first process that needs a directory make it, while the others wait.

    Returns:
        What `make` returned to that process.
    """
    said = directory / "said.txt"  # written last: without it, the making failed
    with FileLock(f"{directory}.lock"):
        if not said.exists():
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir()
            said.write_text(make(directory), encoding="utf-8")
    return said.read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def raw(common: Path) -> Path:
    """A directory with the four official files, got as a user gets them unless the pipeline already has."""
    # A data set of one's own has files of the same names, and one that names its classes.
    if not (ROOT / paths.RAW_CLASSES).exists() and all((ROOT / paths.RAW / name).is_file() for name in RAW_FILES):
        return ROOT / paths.RAW

    def download(directory: Path) -> str:
        sources.fetch(params.load(ROOT / paths.PARAMS).download.sources, directory / "files")
        return ""

    made_once(common / "raw", download)
    return common / "raw/files"


class Clone:
    """A copy of the working tree, uncommitted changes included, as a git clone of its own, with the tests' small recipe.

    Attributes:
        path: the project's top directory; that of the git repository, unless the project is a folder in a larger one.
    """

    def __init__(self, path: Path, small: bool = True, source: Path = ROOT):
        def ask_git(*words: str) -> str:
            return subprocess.run(["git", "-C", str(source), *words], check=True, capture_output=True, text=True).stdout

        top = ask_git("rev-parse", "--show-toplevel").rstrip("\n")
        ask_git("clone", *COMMITTER, "--quiet", "--no-hardlinks", top, str(path))  # these stay the clone's settings
        self.path = path / ask_git("rev-parse", "--show-prefix").rstrip("\n")
        changed = ask_git("diff", "--name-only", "--relative", "--no-renames", "-z", "HEAD")
        changed += ask_git("ls-files", "-z", "--others", "--exclude-standard")
        for name in filter(None, changed.split("\0")):
            if (source / name).is_file():
                (self.path / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source / name, self.path / name)
            else:
                (self.path / name).unlink(missing_ok=True)
        (self.path / ".venv").symlink_to(Path(sys.prefix))
        if small:
            shutil.copy(self.path / "tests/params.yaml", self.path / "params.yaml")

    @classmethod
    def at(cls, path: Path) -> "Clone":
        """Return the clone that is there already."""
        clone = cls.__new__(cls)
        clone.path = path
        return clone

    def copy(self, path: Path) -> "Clone":
        """Return another clone of this one's tree, with its data, its models and what DVC has cached."""
        copy = Clone(path, small=False, source=self.path)
        for name in (".dvc/cache", "data", "models", "reports"):
            shutil.copytree(self.path / name, copy.path / name, dirs_exist_ok=True)
        return copy

    def as_folder(self, path: Path) -> "Clone":
        """Return a clone of a larger repository, of which what git has of this tree is a folder."""
        folder = path / "larger/projects/fashion"
        shutil.copytree(self.path, folder, ignore=shutil.ignore_patterns(".git", ".venv", "cache", "raw", "prepared"))
        subprocess.run(["git", "init", "--quiet", str(path / "larger")], check=True)
        subprocess.run(["git", "-C", str(folder), *COMMITTER, "add", "--all"], check=True)
        subprocess.run(["git", "-C", str(folder), *COMMITTER, "commit", "--quiet", "--message", "All"], check=True)
        return Clone(path / "clone", small=False, source=folder)

    def commit(self, message: str) -> None:
        """Commit all that changed."""
        self.git("add", "--all")
        self.git(*COMMITTER, "commit", "--quiet", "--message", message)

    def run(self, *command: str, **environment: str) -> subprocess.CompletedProcess:
        """Run a program in the clone, whose own environment is active."""
        return subprocess.run(command, cwd=self.path, env=self.environment | environment, capture_output=True, text=True)

    @property
    def environment(self) -> dict[str, str]:
        """The variables of a shell in which the clone's environment is active, and no other."""
        inherited = {key: value for key, value in os.environ.items() if key not in ("DVC_ROOT", "VIRTUAL_ENV")}
        others = [part for part in inherited["PATH"].split(os.pathsep) if ".venv" not in part]
        return inherited | {"PATH": os.pathsep.join([str(self.path.resolve() / ".venv/bin"), *others])}

    def dvc(self, *words: str) -> str:
        """Run DVC in the clone and return what it printed."""
        done = self.run(".venv/bin/dvc", *words)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def use_raw(self, raw: Path) -> None:
        """Let the pipeline get its data from a local directory."""
        self.edit("    - http://fashion", f"    - file:{raw}\n    - http://fashion")

    def git(self, *words: str) -> None:
        """Run git in the clone."""
        done = self.run("git", *words)
        assert done.returncode == 0, done.stdout + done.stderr

    def edit(self, old: str, new: str, file: str = "params.yaml") -> None:
        """Replace a text that stands in a file exactly once."""
        text = (self.path / file).read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file}"
        (self.path / file).write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    """A fresh clone with nothing but what git has."""
    return Clone(tmp_path / "clone")


@pytest.fixture(scope="session")
def session_clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """Likewise, with the project's own params.yaml, shared by tests that leave it as they found it."""
    return Clone(tmp_path_factory.mktemp("session") / "clone", small=False)


@pytest.fixture(scope="session")
def first_run(common: Path, raw: Path) -> tuple[Clone, str]:
    """A clone, only to be copied, whose pipeline has run with the tests' small recipe, and what `dvc repro` printed."""

    def make(directory: Path) -> str:
        made = Clone(directory / "a clone")
        made.use_raw(raw)
        return made.dvc("repro")

    printed = made_once(common / "ran", make)
    return Clone.at(common / "ran/a clone"), printed


@pytest.fixture(scope="session")
def ran(tmp_path_factory: pytest.TempPathFactory, first_run: tuple[Clone, str]) -> Clone:
    """A clone whose pipeline has run with the tests' small recipe, for tests that leave it as they found it."""
    return first_run[0].copy(tmp_path_factory.mktemp("ran") / "clone")


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, common: Path, first_run: tuple[Clone, str]) -> Clone:
    """Likewise with a second member, a small residual network, and more views in scoring."""

    def make(directory: Path) -> str:
        made = first_run[0].copy(directory / "clone")
        made.edit("  model: {seed: 0}", "  second: {seed: 1, model: {name: resnet}}\n  model: {seed: 0}")
        made.edit("tta: flip ", "tta: flip_shift ")
        return made.dvc("repro")

    made_once(common / "trained", make)
    return Clone.at(common / "trained/clone").copy(tmp_path_factory.mktemp("trained") / "clone")


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, first_run: tuple[Clone, str]) -> Path:
    """A directory in which every stage has run, without git, DVC or the code."""
    directory = tmp_path_factory.mktemp("finished")
    shutil.copy(first_run[0].path / "params.yaml", directory)
    for name in ("data", "models", "reports"):
        shutil.copytree(first_run[0].path / name, directory / name)
    return directory
