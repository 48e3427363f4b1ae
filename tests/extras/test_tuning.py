"""The search for better values, run for real on the tests' small recipe."""

import csv
import re
import runpy
import subprocess

import optuna
import pytest
from conftest import ROOT, Clone

from fashion.pipeline.errors import UserError

TUNE = [".venv/bin/python", "studies/tuning/tune.py"]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory, raw):
    """A clone with a still smaller recipe, whose data is prepared; its space.yaml is each test's own."""
    made = Clone(tmp_path_factory.mktemp("tuning") / "clone")
    made.use_raw(raw)
    made.edit("epochs: 2 ", "epochs: 1 ")
    made.edit("filters: [16, 32, 32]", "filters: [8, 16, 16]")
    made.dvc("repro", "prepare")
    return made


def write_space(clone: Clone, text: str) -> None:
    (clone.path / "studies/tuning/space.yaml").write_text(text)


def load_study(storage: str) -> optuna.Study:
    [summary] = optuna.get_all_study_summaries(storage)
    return optuna.load_study(study_name=summary.study_name, storage=storage)


def read_trials(clone: Clone) -> list[dict[str, str]]:
    with (clone.path / "studies/tuning/trials.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_search_resumes_and_prunes_and_names_the_best(prepared):
    clone = prepared
    write_space(
        clone,
        "train.learning_rate: {low: 0.001, high: 0.1, log: true}\n"
        "train.batch_size: [50, 100]\n"
        "train.epochs: {low: 1, high: 2}\n",
    )
    clone.edit("UNPRUNED_TRIALS, UNPRUNED_EPOCHS = 5, 2", "UNPRUNED_TRIALS, UNPRUNED_EPOCHS = 3, 0", "studies/tuning/tune.py")
    first = clone.run(*TUNE, "--trials", "1")
    assert (first.returncode, first.stderr) == (0, "")
    assert "1 trials, 0 of them pruned" in first.stdout
    # Two good ones, then one that learns next to nothing.
    study = load_study(f"sqlite:///{clone.path}/studies/tuning/trials.db")
    for rate in (0.03, 0.05, 0.001):
        study.enqueue_trial({"train.learning_rate": rate, "train.batch_size": 50, "train.epochs": 2})
    again = clone.run(*TUNE, "--trials", "4")
    assert "resuming after 1 trials" in again.stdout and "4 trials, 1 of them pruned" in again.stdout, again.stdout
    best = re.search(
        r"dvc exp run -S train\.learning_rate=([\d.e-]+) -S train\.batch_size=(50|100) -S train\.epochs=([12])$",
        again.stdout,
        re.M,
    )
    rows = read_trials(clone)
    assert [row["trial"] for row in rows] == ["0", "1", "2", "3"]
    assert [row["state"] for row in rows] == ["complete", "complete", "complete", "pruned"]
    assert rows[3]["epochs"] == "1"
    top = max(rows, key=lambda row: float(row["validation_accuracy"]))
    assert (best[2], best[3]) == (top["train.batch_size"], top["train.epochs"])
    # Processes that share the trials, and end at the same time.
    together = [
        subprocess.Popen([*TUNE, "--trials", "4"], cwd=clone.path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    assert [process.communicate()[1] for process in together] == [""] * 3
    assert read_trials(clone) == rows


def test_values_that_do_not_go_together_are_a_pruned_trial(prepared, tmp_path):
    write_space(prepared, "train.optimizer: [muon, adam]\n")
    storage = f"sqlite:///{tmp_path}/trials.db"
    command = [*TUNE, "--storage", storage, "--trials"]
    prepared.run(*command, "1")  # of either optimizer
    for optimizer in ("muon", "adam"):
        load_study(storage).enqueue_trial({"train.optimizer": optimizer})
    again = prepared.run(*command, "3")
    assert (again.returncode, again.stderr) == (0, "")
    assert "trial 2: train.optimizer adam\nstudies/tuning/space.yaml: train: weight_decay: " in again.stdout, again.stdout
    assert (prepared.path / "studies/tuning/trials.csv").read_text().splitlines()[3] == "2,pruned,0,0,adam"


def test_a_search_without_a_trial_that_ran_to_its_end_fails_and_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    program = runpy.run_path(str(ROOT / "studies/tuning/tune.py"))
    program["SPACE"].parent.mkdir(parents=True)
    program["SPACE"].write_text("train.optimizer: [muon, adam]\n")
    study = optuna.create_study()
    study.add_trial(optuna.trial.create_trial(state=optuna.trial.TrialState.PRUNED))
    with pytest.raises(UserError, match="all 1 trials were pruned"):
        program["report"](study, program["read_space"]())
    assert not program["TRIALS"].exists()


def test_a_backbone_that_there_is_not_ends_the_search(prepared, tmp_path):
    write_space(prepared, "model.name: [backbone]\nmodel.whiten: [false]\nmodel.backbone.name: [NoSuchNet]\n")
    done = prepared.run(*TUNE, "--storage", f"sqlite:///{tmp_path}/trials.db", "--trials", "1")
    assert done.returncode == 2 and "NoSuchNet" in done.stderr and done.stderr.count("\n") == 1, done.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train.epohcs: [1, 2]\n", "train.epohcs: unknown key"),
        ("train.epochs: [0, 2]\n", "train.epochs: should be greater than or equal to 1"),
        ("train.schedule: [cosine, cosnie]\n", "train.schedule: should be"),
        ("train.epochs: 2026-99-99\n", "not valid YAML"),
        ("train.optimizer: [adam, muon]\n", "train: weight_decay: "),
        ("train.learning_rate: {low: 0.0, high: 0.1, log: true}\n", "low 0.0 has to be below high 0.1, and above 0 if log"),
        ("evaluate.calibration_bins: [2, 20]\n", "evaluate.calibration_bins: no training depends on it"),
        ("- train\n", "space.yaml: "),
        ("{}\n", "space.yaml: "),
    ],
)
def test_a_wrong_space_is_refused(prepared, text, message):
    write_space(prepared, text)
    done = prepared.run(*TUNE)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert message in done.stderr


def test_a_storage_that_is_none_is_refused(prepared):
    write_space(prepared, "train.epochs: [1, 2]\n")
    done = prepared.run(*TUNE, "--storage", "postgresql+psycopg://HOST:PORT/NAME")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert "postgresql+psycopg://HOST:PORT/NAME: cannot be used as storage (" in done.stderr


def test_a_key_that_the_member_overrides_is_refused(prepared):
    write_space(prepared, "train.epochs: [1, 2]\n")
    prepared.edit("model: {seed: 0", "model: {train: {epochs: 1}, seed: 0")
    done = prepared.run(*TUNE)
    prepared.edit("model: {train: {epochs: 1}, seed: 0", "model: {seed: 0")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "train.epochs: ensemble.model in params.yaml has a value of its own" in done.stderr
