"""Stages on a Ray cluster: two nodes on this machine and an S3 server between them, against the same stages in turn."""

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from conftest import Clone
from ruamel.yaml import YAML
from s3 import CREDENTIALS, s3_server, share

import scale_out

SCALE_OUT = (".venv/bin/python", "src/scale_out.py")
MEMBERS = {
    "second": "{seed: 1, model: {name: resnet}}",
    "third": "{seed: 2}",
    "fourth": "{seed: 3, train: {epochs: 3}}",
}


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """Two nodes of one processor each, for tasks of one thread like all that the tests run; the address of the first."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**CREDENTIALS, "RAY_USAGE_STATS_ENABLED": "0"}.items():
            patch.setenv(name, value)
        from ray.cluster_utils import Cluster

        node = {"num_cpus": 1, "object_store_memory": 150_000_000}
        cluster = Cluster(initialize_head=True, head_node_args=node)
        cluster.add_node(**node)
        yield cluster.address
        cluster.shutdown()


def copy_of(clone: Clone, path: Path, *members: str) -> Clone:
    """Copy a clone with its data and models, and give it more members."""
    copy = clone.copy(path)
    copy.edit("ensemble: ", "ensemble:\n" + "".join(f"  {name}: {MEMBERS[name]}\n" for name in members) + "# ")
    return copy


def results(clone: Clone) -> dict[str, bytes]:
    """Return all files of a clone but DVC's, git's and Python's own."""
    return {
        str(path.relative_to(clone.path)): path.read_bytes()
        for path in clone.path.rglob("*")
        if path.is_file() and not {".dvc", ".git", ".venv", "__pycache__", ".resume"} & set(path.relative_to(clone.path).parts)
    }


def ray_workers() -> list[psutil.Process]:
    """Return the processes in which Ray runs tasks."""
    return [process for process in psutil.process_iter(["cmdline"]) if (process.info["cmdline"] or [""])[0] == "ray::task"]


def test_an_ensemble_of_four_gets_the_same_bytes_on_a_cluster_where_a_worker_dies(ran, cluster, tmp_path):
    serial, spread = (copy_of(ran, tmp_path / name, *MEMBERS) for name in ("serial", "spread"))
    # The first was trained before, but not like this.
    for copy in (serial, spread):
        copy.edit("  learning_rate: 0.03 ", "  learning_rate: 0.02 ")
    lock = (spread.path / "dvc.lock").read_bytes()
    serial.dvc("repro")
    with s3_server(tmp_path / "log") as (address, _):
        share(spread, address)
        process = subprocess.Popen(
            [*SCALE_OUT, "--address", cluster, "--threads", "1"],
            cwd=spread.path,
            env=os.environ | CREDENTIALS,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        said, killed = [], 0
        for line in process.stdout:
            said.append(line)
            if not killed and "epoch 1/" in line:
                victim = ray_workers()[0]
                victim.kill()
                killed = victim.pid
        assert process.wait() == 0, "".join(said)
    assert killed
    for member in ("first", "second", "third", "fourth"):
        assert any(f"train@{member}: starts on" in line for line in said)
        assert sum(f"train@{member}: done on" in line for line in said) == 1
    assert sum(": starts on" in line for line in said) > sum(": done on" in line for line in said)
    here, there = results(serial), results(spread)
    assert here.keys() == there.keys()
    # The order in which DVC runs and notes stages that do not depend on each other differs from run to run.
    noted, noted_there = (YAML(typ="safe").load(files.pop("dvc.lock")) for files in (here, there))
    assert noted == noted_there
    assert [name for name in here if here[name] != there[name]] == []
    assert "Running stage" not in spread.dvc("repro")

    # What DVC has run before is not run again, here or there; the remote is not even asked.
    (spread.path / "dvc.lock").write_bytes(lock)
    shutil.rmtree(spread.path / "models")
    again = spread.run(*SCALE_OUT, "--address", cluster, "--threads", "1")
    assert again.returncode == 0 and "Running stage" not in again.stdout + again.stderr, again.stdout + again.stderr
    assert {name: content for name, content in results(spread).items() if name != "dvc.lock"} == there

    # A study's stage, whose result is in git and is neither a metric nor a plot, is not run again here, either. (One alone would run
    # here at once, so another goes with it.) The remote is a directory now.
    spread.dvc("remote", "add", "--default", "directory", str(tmp_path / "remote"))
    spread.edit('"""The optimizer Muon, for Keras."""', '"""The optimizer Muon."""', "src/fashion/muon.py")
    study = spread.run(*SCALE_OUT, "--address", cluster, "--threads", "1", "studies/dvc.yaml", "train@first")
    assert study.returncode == 0 and "fingerprint: done on" in study.stdout, study.stdout + study.stderr
    assert not re.search("^Running stage", study.stdout, re.M), study.stdout
    assert hashlib.sha256((spread.path / "src/fashion/muon.py").read_bytes()).hexdigest() in (
        spread.path / "studies/fingerprint.csv"
    ).read_text(encoding="utf-8")


def test_what_cannot_work_is_said_in_one_line(ran, tmp_path):
    clone = copy_of(ran, tmp_path / "clone", "third", "fourth")
    done = clone.run(*SCALE_OUT)
    assert done.returncode == 1 and done.stderr.startswith("error: no default DVC remote"), done.stderr
    clone.dvc("remote", "add", "--default", "shared", str(tmp_path / "remote"))
    done = clone.run(*SCALE_OUT, "--address", "127.0.0.1:9")
    assert done.returncode == 1 and done.stderr.startswith("error: 127.0.0.1:9: "), done.stderr
    assert done.stderr.count("\n") == 1
    done = clone.run(*SCALE_OUT, "trian")
    assert done.returncode == 1 and "'trian'" in done.stderr, done.stderr


@pytest.mark.filterwarnings("ignore:_NoneStep.value:DeprecationWarning")  # DVC's own
def test_a_stage_gets_the_data_that_no_stage_makes(ran, tmp_path, monkeypatch):
    clone = ran.copy(tmp_path / "clone")
    (clone.path / "weights/mine.weights.h5").write_bytes(b"weights")
    clone.dvc("add", "weights/mine.weights.h5")
    clone.dvc("remote", "add", "--default", "shared", str(tmp_path / "remote"))
    clone.dvc("push", "--quiet")
    monkeypatch.chdir(clone.path)
    (work,) = scale_out.find_work(["train@first"])  # which depends on all of weights/
    outcome = scale_out.run_stage(scale_out.snapshot(), work, scale_out.default_remote(), {}, lambda line: None)
    assert not outcome.error
    assert "Running stage" not in clone.dvc("repro", "--single-item", "--pull", "train@first")


def test_without_a_cluster_it_starts_one_here_and_a_stage_that_fails_costs_only_itself(ran, tmp_path):
    clone = copy_of(ran, tmp_path / "clone", "third", "fourth")
    clone.dvc("remote", "add", "--default", "shared", str(tmp_path / "remote"))
    weights = "model: {name: backbone, whiten: false, backbone: {weights: missing.weights.h5}}, train: {optimizer: adam, weight_decay: 0.0}"
    clone.edit("fourth: {seed: 3, train: {epochs: 3}}", f"fourth: {{seed: 3, {weights}}}")
    done = clone.run(*SCALE_OUT, "--threads", "1")
    assert done.returncode == 1
    said = "error: failed: train@fourth (error: model.backbone.weights: weights/missing.weights.h5 does not exist)"
    assert done.stderr.strip().splitlines()[-1] == said, done.stderr
    assert "Traceback" not in done.stderr
    assert (clone.path / "models/third.keras").is_file() and not (clone.path / "models/fourth.keras").exists()
    assert clone.dvc("status", "train@third").strip() == "Data and pipelines are up to date."
