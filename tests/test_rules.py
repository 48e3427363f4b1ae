"""The rules that make the results trustworthy, held by the project itself."""

import ast
import csv
import functools
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

from fashion.pipeline.yaml import read_yaml
from fashion.reporting import document_tables

ROOT = Path(__file__).resolve().parents[1]
PIPELINES = [path.relative_to(ROOT) for path in sorted(ROOT.glob("dvc.yaml")) + sorted(ROOT.glob("*/**/dvc.yaml"))]
# What may be imported, and what is run: each file once.
LIBRARY = sorted((ROOT / "src/fashion").rglob("*.py"))
SCRIPTS = sorted([*(ROOT / "src").glob("*.py"), *(ROOT / "tools").rglob("*.py"), *(ROOT / "studies").rglob("*.py")])
SOURCES = [*LIBRARY, *SCRIPTS]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def stage_definitions() -> dict[str, dict]:
    """The stages of every dvc.yaml, by file and name; a foreach stage once, as written."""
    return {
        f"{file}:{name}": stage.get("do", stage)
        for file in PIPELINES
        for name, stage in read_yaml(ROOT / file)["stages"].items()
    }


@functools.cache
def imported_names(file: Path) -> set[str]:
    """The names of modules that a file imports; of what it imports from a module, which may be modules, too."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


@functools.cache
def files_of_module(name: str, folder: Path) -> list[Path]:
    """Those in a folder that are run when a module is imported, those of its packages included."""
    parts = name.split(".")
    modules = [folder / Path(*parts[:length]) for length in range(1, len(parts) + 1)]
    files = [file for module in modules for file in (module.with_suffix(".py"), module / "__init__.py")]
    return [file for file in files if file.is_file()]


def imported_files(script: Path) -> set[Path]:
    """The files of this project that a script imports, directly or through others, itself included."""
    reached, waiting = set(), [script]
    while waiting:
        file = waiting.pop()
        if file in reached:
            continue
        reached.add(file)
        for name in imported_names(file):
            waiting += files_of_module(name, ROOT / "src") + files_of_module(name, script.parent)
    return reached


CODE_HASHES = "studies/code_hashes.csv"
CODE = read_yaml(ROOT / "studies/dvc.yaml")["stages"]["code"]["deps"]


def covered(deps: list[str], files: set[str]) -> set[str]:
    """Those of the files that are deps or lie under one."""
    return {file for file in files for dep in deps if file == dep or file.startswith(f"{dep}/")}


@pytest.mark.parametrize("name", stage_definitions())
def test_a_stages_deps_are_the_code_that_it_imports(name):
    """Every file that it imports lies under a dep, and every dep that is code holds one that it imports."""
    stage = stage_definitions()[name]
    (script,) = re.findall(r"python (\S+\.py)", stage["cmd"])
    imported = {name_of(path) for path in imported_files(ROOT / script)}
    code = [dep for dep in stage["deps"] if dep.endswith(".py") or dep.startswith("src/")]
    if CODE_HASHES in stage["deps"]:  # which the stage writes that has the code that trains among its own deps
        imported -= covered(CODE, imported)
    if name == "studies/dvc.yaml:code":  # its deps are what it hashes; another test looks at them
        return
    assert imported == covered(code, imported)
    assert [dep for dep in code if not covered([dep], imported)] == []


def test_the_studies_depend_on_the_code_that_trains_and_scores():
    """The stage that hashes it has what studies/measure.py and itself import among its deps, and nothing else."""
    scripts = ("studies/code_hashes.py", "studies/measure.py")
    imported = {name_of(path) for script in scripts for path in imported_files(ROOT / script)}
    assert imported == covered(CODE, imported)
    assert [dep for dep in CODE if not covered([dep], imported)] == []
    with (ROOT / CODE_HASHES).open(newline="") as file:
        hashes = {row["file"]: row["sha256"] for row in csv.DictReader(file)}
    assert hashes.keys() == covered(CODE, {name_of(path) for path in SOURCES}) - {scripts[0]}
    for path, digest in hashes.items():
        assert hashlib.sha256((ROOT / path).read_bytes()).hexdigest() == digest, "run `dvc repro studies/dvc.yaml`"


def test_training_depends_on_no_test_image():
    data = {dep for dep in stage_definitions()["dvc.yaml:train"]["deps"] if dep.startswith("data")}
    assert data == {"data/prepared/train.npz", "data/prepared/validation.npz", "data/weights"}


@pytest.mark.parametrize("path", SCRIPTS, ids=name_of)
def test_a_script_imports_the_library_alone(path):
    assert imported_files(path) - set(LIBRARY) == {path}


def test_the_library_does_not_import_its_users():
    for path in LIBRARY:
        assert imported_files(path) <= set(LIBRARY), path


@pytest.mark.parametrize("path", [*SOURCES, *sorted((ROOT / "tests").rglob("*.py"))], ids=name_of)
def test_nothing_changes_where_python_looks(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        touched = isinstance(node, ast.Attribute) and node.attr == "path" and ast.unparse(node.value) == "sys"
        assert not touched, f"line {node.lineno}"


def test_the_shape_of_the_house():
    tracked = subprocess.run(["git", "-C", str(ROOT), "ls-files"], check=True, capture_output=True, text=True).stdout
    top = {line.split("/")[0] for line in tracked.splitlines() if (ROOT / line).exists()}
    assert len(top) <= 25
    assert len((ROOT / "dvc.yaml").read_text(encoding="utf-8").splitlines()) <= 150
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) <= 1000


# Which stages each parameter belongs to. `ensemble` is also read by those that have to know the members.
MEMBERS = read_yaml(ROOT / "params.yaml")["ensemble"]
TRAIN = {f"train@{member}" for member in MEMBERS}
OWNERS = {
    "download.sources": {"download"},
    "prepare.images": {"prepare"},
    "prepare.validation_fraction": {"prepare"},
    "prepare.seed": {"prepare"},
    "prepare.corrections": {"prepare"},
    "model.name": TRAIN,
    "model.scaling": TRAIN,
    "model.whiten": TRAIN,
    "model.dropout": TRAIN,
    "model.cnn.filters": TRAIN,
    "model.cnn.kernel_size": TRAIN,
    "model.cnn.dense_units": TRAIN,
    "model.cnn.batch_norm": TRAIN,
    "model.resnet.stem_filters": TRAIN,
    "model.resnet.filters": TRAIN,
    "model.resnet.blocks": TRAIN,
    "model.backbone.name": TRAIN,
    "model.backbone.weights": TRAIN,
    "model.backbone.image_size": TRAIN,
    "model.backbone.fine_tune": TRAIN,
    "augment.flip": TRAIN | {"augment"},
    "augment.shift": TRAIN | {"augment"},
    "augment.rotate": TRAIN | {"augment"},
    "augment.zoom": TRAIN | {"augment"},
    "augment.erase": TRAIN | {"augment"},
    "augment.mixup": TRAIN | {"augment"},
    "augment.cutmix": TRAIN | {"augment"},
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
    "train.label_smoothing": TRAIN | {"evaluate"},
    "train.l1": TRAIN,
    "train.l2": TRAIN,
    "train.ema_decay": TRAIN,
    "evaluate.tta": {"evaluate"},
    "evaluate.calibrate": {"evaluate"},
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
    """DVC compares what the stages declare and name, so of the parameters that the same of these keys hold, one is edited."""
    monkeypatch.chdir(session_clone.path)
    path = Path("params.yaml")
    text = path.read_text(encoding="utf-8")
    stages = [stage for name, stage in stage_definitions().items() if name.startswith("dvc.yaml:")]
    declared = {key.replace("${key}", member) for stage in stages for key in stage["params"] for member in MEMBERS}
    named = set(re.findall(r"\$\{([a-z_.]+)\}", Path("dvc.yaml").read_text(encoding="utf-8")))
    together: dict[frozenset[str], list[str]] = {}
    for key in leaves(read_yaml(path)):
        holders = frozenset(holder for holder in declared | named if f"{key}.".startswith(f"{holder}."))
        together.setdefault(holders, []).append(key)
    before = changes(PIPELINES[:1])
    changed = {}
    for keys in together.values():
        tree = section = read_yaml(path)
        *parents, leaf = keys[0].split(".")
        for parent in parents:
            section = section[parent]
        section[leaf] = edited(section[leaf])
        with path.open("w", encoding="utf-8") as file:
            YAML(typ="safe").dump(tree, file)
        after = changes(PIPELINES[:1])
        path.write_text(text, encoding="utf-8")
        stages_changed = {
            stage
            for stage in before | after
            if before.get(stage, {}).get("params.yaml") != after.get(stage, {}).get("params.yaml")
        }
        changed |= dict.fromkeys(keys, stages_changed)
    assert changed == {key: owners(key) for key in changed}


# What DVC keeps and git does not.
DVCS = ("data/raw", "data/prepared", "models", "reports/out_of_distribution.npz")


def test_the_lock_belongs_to_the_tree(session_clone, monkeypatch):
    """In a clone without data or models, nothing else differs from what the locks say.

    The studies of params.yaml take minutes or more, so they may be of its last values and networks: `dvc status` says so.
    """
    monkeypatch.chdir(session_clone.path)
    stale = {
        f"{stage}: {name}: {state}"
        for stage, entries in changes(PIPELINES).items()
        for name, state in entries.items()
        if not (name.startswith(DVCS) and state in ("deleted", "not in cache"))
        and not (stage.startswith("studies/") and name.startswith(("params.yaml", "models", "reports")))
    }
    assert not stale, "run `dvc repro` (and `make seeds`), then commit what it wrote:\n" + "\n".join(sorted(stale))


LIGHT = (
    "src/download",
    "src/prepare",
    "src/plot",
    "src/report",
    "tools/compare",
    "tools/export",
    "tools/pr_report",
    "tools/predict",
    "tools/serve",
    "tools/summary",
    "tools/tables",
)


def test_light_programs_do_not_import_tensorflow():
    program = """import runpy, sys
for script in sys.argv[1:]:
    runpy.run_path(f"{script}.py")
    if {"tensorflow", "keras"} & sys.modules.keys():
        sys.exit(f"{script} imports TensorFlow")"""
    done = subprocess.run([sys.executable, "-c", program, *LIGHT], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_training_imports_nothing_that_it_does_not_use():
    program = "import sys; from fashion import backend; print(sorted(backend.UNUSED & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
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


@pytest.mark.parametrize("name", ["requirements", "requirements/extras"])
def test_every_requirement_is_pinned_and_every_locked_file_has_hashes(name):
    chosen = requirement_lines(f"{name}.txt")
    for line in chosen:
        assert re.fullmatch(r"[a-z0-9._-]+==[0-9.]+(post[0-9]+)?", line), f"{line} is not pinned"
    found = locked(f"{name}.lock")
    # The lock spells names in their canonical form.
    pins = (line.split("==") for line in chosen)
    assert {f"{package.replace('.', '-')}=={version}" for package, version in pins} <= found
    # The extras change no version of what `make` installs.
    base = locked("requirements.lock")
    names = {package.partition("==")[0] for package in base}
    assert {package for package in found if package.partition("==")[0] in names} <= base


@pytest.mark.parametrize("recipe", sorted(path.stem for path in (ROOT / "recipes").iterdir()))
def test_the_head_of_a_recipe_has_its_measured_score_and_cost(recipe):
    runs = json.loads((ROOT / f"studies/seeds/results/{recipe}.json").read_text())["seeds"].values()
    scores = [100 * run["test"]["accuracy"] for run in runs]
    head = (ROOT / f"recipes/{recipe}.yaml").read_text(encoding="utf-8").partition("\n\n")[0]
    spread = f" ± {statistics.stdev(scores):.2f}" if len(scores) > 1 else ""
    assert f"{statistics.mean(scores):.2f}{spread} % of the test images ({len(scores)} seed" in head
    assert f"cp recipes/{recipe}.yaml params.yaml" in head
    if recipe != "baseline":
        speed = json.loads((ROOT / document_tables.SPEED).read_text())
        ratio = document_tables.ratio_in_words(document_tables.times_of_script(speed)[recipe])
        cost = f"{speed['work'][f'recipes/{recipe}.yaml']['parameters']:,} parameters; {ratio} "
        assert f"# Cost: {cost}" in head and "the plain Keras script's training time" in head


def test_the_documents_have_the_generated_tables(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert document_tables.outdated() == [], "run `make page`"


def test_committed_predictions_give_the_committed_metrics():
    import numpy as np

    from fashion.scoring.metrics import wilson_interval
    from fashion.scoring.prediction_table import read_predictions

    scores = json.loads((ROOT / "reports/metrics.json").read_text())["test"]
    labels, predicted, *_ = read_predictions(ROOT / "reports/predictions.csv")
    assert len(labels) == 10_000
    assert np.mean(labels == predicted) == pytest.approx(scores["accuracy"], abs=1e-6)
    low, high = wilson_interval(int((labels == predicted).sum()), len(labels))
    assert (low, high) == pytest.approx((scores["accuracy_low"], scores["accuracy_high"]), abs=1e-6)
