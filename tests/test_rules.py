"""The rules that make the results trustworthy, held by the project itself."""

import ast
import csv
import hashlib
import json
import re
import statistics
import subprocess
import sys
from pathlib import Path

import pytest
from dvc.repo import Repo
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[1]
PIPELINES = [
    Path("dvc.yaml"),
    Path("reports/dvc.yaml"),
    Path("studies/dvc.yaml"),
    *(path.relative_to(ROOT) for path in sorted(ROOT.glob("studies/*/dvc.yaml"))),
]


FINGERPRINT = "studies/fingerprint.csv"


def read_yaml(path: Path) -> dict:
    return YAML(typ="safe").load(path)


def fingerprint() -> list[dict[str, str]]:
    """The code that the studies' rows depend on, each file with its SHA-256."""
    with (ROOT / FINGERPRINT).open(newline="") as file:
        return list(csv.DictReader(file))


def stage_definitions() -> dict[str, dict]:
    """The stages of every dvc.yaml, by file and name; a foreach stage once, as written."""
    return {
        f"{file}:{name}": stage.get("do", stage)
        for file in PIPELINES
        for name, stage in read_yaml(ROOT / file)["stages"].items()
    }


def imported_files(script: Path) -> set[Path]:
    """The files of this project that a script imports, directly or through others, itself included."""
    reached, waiting = set(), [script]
    while waiting:
        file = waiting.pop()
        if file in reached:
            continue
        reached.add(file)
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            for name in names:
                parts = name.split(".")
                for length in range(1, len(parts) + 1):
                    for folder in (ROOT / "src", script.parent, ROOT / "studies/cross_validation"):
                        path = folder / Path(*parts[:length])
                        waiting += [found for found in (path.with_suffix(".py"), path / "__init__.py") if found.is_file()]
    return reached


@pytest.mark.parametrize("name", stage_definitions())
def test_a_stages_deps_are_the_files_that_it_imports(name):
    stage = stage_definitions()[name]
    (script,) = re.findall(r"\S+\.py", stage["cmd"])
    imported = {path.relative_to(ROOT).as_posix() for path in imported_files(ROOT / script)}
    if FINGERPRINT in stage["deps"]:
        # The stage that writes it has these among its own deps.
        imported -= {row["file"] for row in fingerprint()}
    assert {dep for dep in stage["deps"] if dep.endswith(".py")} == imported


def test_the_studies_fingerprint_is_of_all_that_its_stage_depends_on():
    (deps,) = (
        stage["deps"] for stage in stage_definitions().values() if {FINGERPRINT: {"cache": False}} in stage.get("outs", ())
    )
    assert {row["file"] for row in fingerprint()} == set(deps) - {"studies/fingerprint.py"}
    for row in fingerprint():
        assert hashlib.sha256((ROOT / row["file"]).read_bytes()).hexdigest() == row["sha256"]


def test_training_depends_on_no_test_image():
    for name, stage in stage_definitions().items():
        if ":train" in name:
            data = {dep for dep in stage["deps"] if dep.startswith("data")}
            assert data == {"data/prepared/train.npz", "data/prepared/validation.npz"}


# Which stages each parameter belongs to. `ensemble` is also read by those that have to know the members.
MEMBERS = read_yaml(ROOT / "params.yaml")["ensemble"]
TRAIN = {f"train@{member}" for member in MEMBERS}
OWNERS = {
    "download.sources": {"download"},
    "prepare.images": {"prepare"},
    "prepare.validation_fraction": {"prepare"},
    "prepare.seed": {"prepare"},
    "prepare.exclude": {"prepare"},
    "model.name": TRAIN,
    "model.pixels": TRAIN,
    "model.whiten": TRAIN,
    "model.dropout": TRAIN,
    "model.cnn.filters": TRAIN,
    "model.cnn.kernel_size": TRAIN,
    "model.cnn.dense_units": TRAIN,
    "model.cnn.batch_norm": TRAIN,
    "model.resnet.stem": TRAIN,
    "model.resnet.filters": TRAIN,
    "model.resnet.blocks": TRAIN,
    "model.backbone.name": TRAIN,
    "model.backbone.weights": TRAIN,
    "model.backbone.side": TRAIN,
    "model.backbone.fine_tune": TRAIN,
    "augment.flip": TRAIN | {"samples"},
    "augment.shift": TRAIN | {"samples"},
    "augment.rotate": TRAIN | {"samples"},
    "augment.zoom": TRAIN | {"samples"},
    "augment.erase": TRAIN | {"samples"},
    "augment.mixup": TRAIN | {"samples"},
    "augment.cutmix": TRAIN | {"samples"},
    "train.epochs": TRAIN,
    "train.patience": TRAIN,
    "train.precision": TRAIN,
    "train.batch_size": TRAIN,
    "train.data_pruning": TRAIN,
    "train.optimizer": TRAIN,
    "train.learning_rate": TRAIN,
    "train.momentum": TRAIN,
    "train.weight_decay": TRAIN,
    "train.schedule": TRAIN,
    "train.warmup": TRAIN,
    "train.label_smoothing": TRAIN,
    "train.l1": TRAIN,
    "train.l2": TRAIN,
    "train.averaging": TRAIN,
    "evaluate.flip_averaging": {"evaluate"},
    "evaluate.calibration_bins": {"evaluate"},
    "plot.predictions": {"plot"},
    "plot.which": {"plot"},
    "plot.confused_pairs": {"plot"},
    "plot.examples": {"plot"},
}


def owners(key: str) -> set[str]:
    if key.startswith("ensemble."):
        return {f"train@{key.split('.')[1]}", "evaluate", "plot"}
    return OWNERS[key]


def leaves(tree: dict, prefix: str = "") -> dict[str, object]:
    found = {}
    for key, value in tree.items():
        found |= leaves(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return found


def edited(value: object) -> object:
    """Another value of the same type. DVC takes 1, 1.0 and true for the same."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, list):
        return [*value, value[0]]
    return f"{value}x" if isinstance(value, str) else value + 2


def test_every_parameter_has_an_owner():
    assert {key for key in leaves(read_yaml(ROOT / "params.yaml")) if not key.startswith("ensemble.")} == OWNERS.keys()


def changes(pipelines: list[Path]) -> dict[str, dict[str, object]]:
    """What `dvc status` says here: for each stage, what changed and how, dependencies, outputs and commands together."""
    with Repo() as repo:
        status = repo.status([str(file) for file in pipelines])
    return {
        stage: {
            name: state
            for entry in entries
            for name, state in (
                [item for kind in entry.values() for item in kind.items()] if isinstance(entry, dict) else [(entry, "changed")]
            )
        }
        for stage, entries in status.items()
    }


def test_each_parameter_changes_its_owners_alone(session_clone, monkeypatch):
    monkeypatch.chdir(session_clone.path)
    path = Path("params.yaml")
    text = path.read_text(encoding="utf-8")
    before = changes(PIPELINES[:1])
    changed = {}
    for key, value in leaves(read_yaml(path)).items():
        tree = read_yaml(path)
        section = tree
        *parents, leaf = key.split(".")
        for parent in parents:
            section = section[parent]
        section[leaf] = edited(value)
        with path.open("w", encoding="utf-8") as file:
            YAML(typ="safe").dump(tree, file)
        after = changes(PIPELINES[:1])
        path.write_text(text, encoding="utf-8")
        changed[key] = {
            stage
            for stage in before | after
            if before.get(stage, {}).get("params.yaml") != after.get(stage, {}).get("params.yaml")
        }
    assert changed == {key: owners(key) for key in changed}


def test_the_lock_belongs_to_the_tree(session_clone, monkeypatch):
    """In a clone without data or models, nothing else differs from what dvc.lock says."""
    monkeypatch.chdir(session_clone.path)
    stale = {
        f"{stage}: {name}: {state}"
        for stage, entries in changes(PIPELINES).items()
        for name, state in entries.items()
        if not (name.startswith(("data", "models")) and state in ("deleted", "not in cache"))
    }
    assert not stale, "run `dvc repro` (and `make seeds`), then commit what it wrote:\n" + "\n".join(sorted(stale))


@pytest.mark.parametrize("script", ["download", "prepare", "plot", "summary", "report"])
def test_light_programs_do_not_import_tensorflow(script):
    program = (
        f"import sys; sys.path.insert(0, 'src'); import {script}; print('tensorflow' in sys.modules or 'keras' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"


def test_training_imports_nothing_that_it_does_not_use():
    program = (
        "import sys; sys.path.insert(0, 'src'); from fashion import backend; print(sorted(backend.UNUSED & sys.modules.keys())); "
        "import matplotlib, pandas, sklearn, jax; print(all(sys.modules[name] for name in backend.UNUSED))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stdout == "[]\nTrue\n"


def sources() -> list[Path]:
    return sorted(path for folder in ("src", "studies", "benchmarks") for path in (ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_pickle_no_shell_no_code_from_files(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module]
            assert not {"pickle", "cPickle", "dill", "joblib", "shelve", "marshal"} & set(modules)
        if isinstance(node, ast.Call):
            name, keywords = ast.unparse(node.func), {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            assert name not in ("eval", "exec", "os.system", "os.popen", "subprocess.getoutput"), (
                f"{name} in line {node.lineno}"
            )
            assert "shell" not in keywords, f"shell in line {node.lineno}"
            if name == "np.load":
                assert keywords.get("allow_pickle") == "False", f"line {node.lineno}"
            if name.endswith("load_model"):
                assert keywords.get("safe_mode") == "True", f"line {node.lineno}"
            assert not name.endswith("Lambda"), f"Lambda layer in line {node.lineno}"


def test_the_library_does_not_import_its_users():
    users = {path for path in sources() if path.parent != ROOT / "src" / "fashion"}
    for path in (ROOT / "src" / "fashion").glob("*.py"):
        assert not imported_files(path) & users, path


def requirement_lines(name: str) -> list[str]:
    lines = (line.partition(" #")[0].strip() for line in (ROOT / name).read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def locked(name: str) -> set[str]:
    """The packages of a lock file with their versions."""
    text = " ".join(requirement_lines(name)).replace(" \\ ", " ")
    packages = re.split(r" (?=[a-z0-9][a-z0-9._-]*==)", text)
    for package in packages:
        assert re.fullmatch(r"[a-z0-9._-]+==\S+( ; .+?)?( --hash=sha256:[0-9a-f]{64})+", package), package
    return {package.split(" ")[0] for package in packages}


@pytest.mark.parametrize("name", sorted(path.stem for path in ROOT.glob("requirements*.txt")))
def test_every_requirement_is_pinned_and_every_locked_file_has_hashes(name):
    chosen = requirement_lines(f"{name}.txt")
    for line in chosen:
        assert re.fullmatch(r"[a-z0-9._-]+==[0-9.]+(post[0-9]+)?", line), f"{line} is not pinned"
    found = locked(f"{name}.lock")
    # The lock spells names in their canonical form.
    pins = (line.split("==") for line in chosen)
    assert {f"{package.replace('.', '-')}=={version}" for package, version in pins} <= found
    # An optional part changes no version of what `make` installs.
    base = locked("requirements.lock")
    names = {package.partition("==")[0] for package in base}
    assert {package for package in found if package.partition("==")[0] in names} <= base


@pytest.mark.parametrize("recipe", sorted(path.stem for path in (ROOT / "recipes").iterdir()))
def test_the_head_of_a_recipe_has_its_measured_score(recipe):
    results = [json.loads(path.read_text()) for path in (ROOT / "studies/seeds/results").glob(f"{recipe}*.json")]
    scores = [100 * result["test"]["accuracy"] for result in results]
    head = (ROOT / f"recipes/{recipe}.yaml").read_text(encoding="utf-8").partition("\n\n")[0]
    if len(scores) == 1:
        assert f"{scores[0]:.2f} % of the test images (one " in head
    else:
        mean, deviation = statistics.mean(scores), statistics.stdev(scores)
        assert f"{mean:.2f} ± {deviation:.2f} % of the test images ({len(scores)} seeds" in head


def test_the_readme_has_the_measured_table():
    readme = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    rows = (ROOT / "studies/seeds/table.md").read_text(encoding="utf-8").splitlines()
    assert [row for row in rows if row not in readme] == []


def test_committed_predictions_give_the_committed_metrics():
    import numpy as np

    import plot
    from fashion import metrics

    scores = json.loads((ROOT / "reports/metrics.json").read_text())["test"]
    labels, predicted, confidence = plot.read_predictions(ROOT / "reports/predictions.csv")
    assert len(labels) == 10_000
    assert np.mean(labels == predicted) == pytest.approx(scores["accuracy"], abs=1e-6)
    low, high = metrics.wilson_interval(int((labels == predicted).sum()), len(labels))
    assert (low, high) == pytest.approx((scores["accuracy_low"], scores["accuracy_high"]), abs=1e-6)
