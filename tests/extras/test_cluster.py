"""Stages on a Ray cluster: two nodes on this machine and an S3 server between them, against the same stages in turn."""

import hashlib
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

from fashion.cluster import node, run_cache
from fashion.cluster.snapshot import node_settings, snapshot
from fashion.cluster.work import find_work

SCALE_OUT = (".venv/bin/python", "tools/scale_out.py")
MEMBERS = {
    "second": "{seed: 1, model: {name: resnet}}",
    "third": "{seed: 2}",
    "fourth": "{seed: 3, train: {epochs: 3}}",
}
# Of a member whose training fails at once.
NO_WEIGHTS = (
    "model: {name: backbone, whiten: false, backbone: {weights: missing.weights.h5}}, "
    "train: {optimizer: adam, weight_decay: 0.0}"
)
# Stages of which DVC by itself leaves the results out of its run cache: they are in git, and neither metrics nor plots.
NOTES = """
stages:
  note:
    foreach: [one, two]
    do:
      wdir: ../..
      cmd: echo ${item} && sha256sum src/fashion/options.py > studies/notes/${item}.txt
      deps: [src/fashion/options.py]
      outs:
        - studies/notes/${item}.txt: {cache: false}
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """Two nodes of one processor each, for tasks of one thread like all that the tests run; the address of the first."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**CREDENTIALS, "RAY_USAGE_STATS_ENABLED": "0"}.items():
            patch.setenv(name, value)
        from ray.cluster_utils import Cluster

        options = {"num_cpus": 1, "object_store_memory": 150_000_000}
        cluster = Cluster(initialize_head=True, head_node_args=options)
        cluster.add_node(**options)
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
            env=spread.environment | CREDENTIALS,
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
    for member in ("model", *MEMBERS):
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
    said = again.stdout + again.stderr
    assert again.returncode == 0 and "Running stage" not in said and "starts on" not in said, said
    assert {name: content for name, content in results(spread).items() if name != "dvc.lock"} == there


def test_results_that_are_in_git_come_back_and_are_not_made_again(ran, cluster, tmp_path):
    clone = ran.copy(tmp_path / "clone")
    (clone.path / "studies/notes").mkdir()
    (clone.path / "studies/notes/dvc.yaml").write_text(NOTES)
    clone.dvc("remote", "add", "--default", "shared", str(tmp_path / "remote"))
    edited = clone.path / "src/fashion/options.py"
    edited.write_text(edited.read_text() + "# edited\n")
    # Two stages, because one alone would run here.
    done = clone.run(*SCALE_OUT, "--address", cluster, "--threads", "1", "studies/notes/dvc.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(f"note@{name}: done on" in done.stdout for name in ("one", "two")), done.stdout
    assert not re.search("^Running stage", done.stdout, re.MULTILINE), done.stdout
    digest = hashlib.sha256(edited.read_bytes()).hexdigest()
    assert all(digest in (clone.path / f"studies/notes/{name}.txt").read_text() for name in ("one", "two"))
    # Nor later, when only DVC's cache has them.
    shutil.rmtree(clone.path / "studies/notes/")
    (clone.path / "studies/notes").mkdir()
    (clone.path / "studies/notes/dvc.yaml").write_text(NOTES)
    assert "Running stage" not in clone.dvc("repro", "studies/notes/dvc.yaml")
    assert all(digest in (clone.path / f"studies/notes/{name}.txt").read_text() for name in ("one", "two"))


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
    # A stage that has nothing beside it runs here.
    clone.edit("third: {seed: 2}", f"third: {{seed: 2, {NO_WEIGHTS}}}")
    done = clone.run(*SCALE_OUT, "train@third")
    assert done.returncode == 1, done.stderr
    assert done.stderr.endswith("error: `dvc repro --single-item` failed; the reason is above\n"), done.stderr


def test_a_node_knows_the_remotes_that_are_not_in_git(ran, tmp_path, monkeypatch):
    clone = ran.copy(tmp_path / "clone")
    clone.dvc("remote", "add", "--default", "shared", "s3://team/fashion")
    secret = "it's a #secret, = 1"
    clone.dvc("remote", "modify", "--local", "shared", "secret_access_key", secret)
    monkeypatch.chdir(clone.path)
    (clone.path / ".dvc/config.local").write_text(node_settings())
    assert clone.dvc("config", "remote.shared.secret_access_key") == secret + "\n"


def test_a_stage_gets_the_data_that_no_stage_makes(ran, tmp_path, monkeypatch):
    clone = ran.copy(tmp_path / "clone")
    (clone.path / "data/weights/mine.weights.h5").write_bytes(b"weights")
    clone.dvc("add", "data/weights/mine.weights.h5")
    clone.dvc("remote", "add", "--default", "shared", str(tmp_path / "remote"))
    clone.dvc("push", "--quiet")
    monkeypatch.chdir(clone.path)
    (work,) = find_work(["train@model"])  # which depends on all of data/weights/
    run_cache.store(node.run_stage(*work, snapshot(), node_settings(), {}, print))
    assert "Running stage" not in clone.dvc("repro", "--single-item", "train@model")


def test_without_a_cluster_it_starts_one_here_and_a_stage_that_fails_costs_only_itself(ran, tmp_path):
    clone = copy_of(ran, tmp_path / "clone", "third", "fourth")
    clone.dvc("remote", "add", "--default", "shared", str(tmp_path / "remote"))
    clone.edit("fourth: {seed: 3, train: {epochs: 3}}", f"fourth: {{seed: 3, {NO_WEIGHTS}}}")
    done = clone.run(*SCALE_OUT, "--threads", "1")
    assert done.returncode == 1
    said = "error: failed: train@fourth (error: model.backbone.weights: data/weights/missing.weights.h5 does not exist)"
    assert done.stderr.strip().splitlines()[-1] == said, done.stderr
    assert "Traceback" not in done.stderr
    assert (clone.path / "models/third.keras").is_file() and not (clone.path / "models/fourth.keras").exists()
    assert clone.dvc("status", "train@third").strip() == "Data and pipelines are up to date."
