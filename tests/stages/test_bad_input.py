"""Bad input of every kind that a user can cause: which program meets it, what it says, and its exit code.

Each case damages one file of a finished pipeline and runs the stage's script as DVC does. It has to end in one line on
standard error, with the stage's outputs as they were or gone, and no half-written file.
"""

import io
import os
import re
import shutil
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import in_process
import numpy as np
import pytest
from conftest import ROOT

from fashion.backend import tf
from fashion.data.facts import CLASS_NAMES
from fashion.pipeline.errors import NO_MEMORY, NOT_DETERMINISTIC

TEXT = (ROOT / "tests/params.yaml").read_text(encoding="utf-8")


def edited(old: str, new: str) -> str:
    assert TEXT.count(old) == 1, f"{old!r} stands {TEXT.count(old)} times in params.yaml"
    return TEXT.replace(old, new)


PARAMETERS = {
    "empty": ("", "empty, or no mapping of sections"),
    "list": ("[1, 2]", "no mapping of sections"),
    "not YAML": ("train: [", "not valid YAML"),
    "not text": (b"\xff\xfe\x00", "cannot be read|not valid YAML"),
    "YAML tag": (edited("epochs: 2", "epochs: !!python/object/apply:os.getcwd []"), "not valid YAML.*tag"),
    "impossible date": (edited("epochs: 2", "epochs: 2026-99-99"), "not valid YAML"),
    "endless nesting": ("[" * 5000, "not valid YAML"),
    "recursive alias": (edited("[16, 32, 32]", "&a [*a]"), "not valid YAML|model.cnn.filters.0: should be"),
    "duplicate key": (edited("epochs: 2", "epochs: 2\n  epochs: 3"), "duplicate key"),
    "number that DVC reads and YAML 1.2 does not": (edited("epochs: 2", "epochs: 1_0"), "not valid YAML: 1_0 may be a number"),
    "merge key": (edited("epochs: 2", "<<: {epochs: 2}"), "not valid YAML: << may be a number, a date, a merge key"),
    "unknown section": (TEXT + "\ntraining: {}\n", "training: unknown key"),
    "unknown key": (edited("epochs: 2", "epohcs: 10"), "train.epochs: missing; train.epohcs: unknown key$"),
    "missing section": (edited("\nplot:", "\nplots:"), "plot: missing"),
    "section without keys": (TEXT.partition("evaluate:")[0] + "evaluate:\nplot: {}\n", "evaluate: should be"),
    "word for a number": (edited("epochs: 2", "epochs: ten"), r"train.epochs: should be a valid integer \(given: 'ten'\)$"),
    "quoted number": (edited("epochs: 2", 'epochs: "2"'), r"train.epochs: should be a valid integer \(given: '2'\)"),
    "float for an integer": (edited("epochs: 2", "epochs: 2.0"), r"train.epochs: .*integer \(given: 2.0\)"),
    "bool for an integer": (edited("epochs: 2", "epochs: true"), r"train.epochs: .*integer \(given: True\)"),
    "YAML 1.1 bool": (edited("epochs: 2", "epochs: yes"), r"train.epochs: .*integer \(given: 'yes'\)"),
    "zero": (edited("epochs: 2", "epochs: 0"), r"train.epochs: should be greater than or equal to 1 \(given: 0\)"),
    "negative": (edited("batch_size: ", "batch_size: -"), "train.batch_size: should be greater than or equal to 1"),
    "too large": (edited("learning_rate: 0", "learning_rate: 11"), "train.learning_rate: should be less than or equal to 10"),
    "NaN": (edited("label_smoothing: 0.05", "label_smoothing: .nan"), "train.label_smoothing: should be a finite number"),
    "infinite": (edited("dropout: 0.0", "dropout: .inf"), "model.dropout: should be a finite number"),
    "penalty of a backbone": (
        edited("name: cnn ", "name: backbone ")
        .replace("whiten: true", "whiten: false")
        .replace("fine_tune: false", "fine_tune: true")
        .replace("l2: 0.0 ", "l2: 0.1 "),
        "ensemble.model: train.l1 and train.l2 do not reach the kernels of a backbone",
    ),
    "one": (edited("dropout: 0.0", "dropout: 1"), r"model.dropout: should be less than 1 \(given: 1\)"),
    "null": (edited("dropout: 0.0", "dropout: null"), r"model.dropout: should be a valid number \(given: None\)"),
    "unknown choice": (edited("which: first", "which: best"), "plot.which: should be 'first', 'wrong' or 'least_confident'"),
    "scalar for a list": (edited("[16, 32, 32]", "32"), "model.cnn.filters: should be a valid list"),
    "empty list": (edited("[16, 32, 32]", "[]"), "model.cnn.filters: .*at least 1"),
    "wrong item": (edited("[16, 32, 32]", "[16, 0, 32]"), "model.cnn.filters.1: should be greater than or equal to 1"),
    "no pixels left": (edited("kernel_size: 3", "kernel_size: 9"), "model.cnn: convolution 3 of 3 has no pixels left"),
    "classes in unequal parts": (edited("images: 1000 ", "images: 1005 "), "prepare.images: should be a multiple of 10"),
    "nothing held out": (
        edited("images: 1000 ", "images: 100 ").replace("validation_fraction: 0.1 ", "validation_fraction: 0.05 "),
        "prepare: validation_fraction 0.05 of 100 images holds out less than one of each class",
    ),
    "ignored weight decay": (edited("optimizer: muon", "optimizer: adam"), "train: weight_decay: .* needs another optimizer"),
    "no epochs to prune": (
        edited("data_pruning: 0.0", "data_pruning: 0.5"),
        "train: data_pruning: 0.5 begins after 2 epochs .* than 2;",
    ),
    "unknown optimizer": (edited("optimizer: muon", "optimizer: adma"), "train.optimizer: should be 'sgd', 'nesterov'"),
    "unknown network": (edited("name: cnn ", "name: vgg "), "model.name: should be 'cnn', 'resnet' or 'backbone'"),
    "whitening of single pixels": (edited("kernel_size: 3 ", "kernel_size: 1 "), "model: whiten: true needs a cnn.kernel_size"),
    "a shift of half a pixel": (edited("shift: 0 ", "shift: 0.5 "), "augment.shift: should be a valid integer"),
    "whitening of a backbone": (edited("name: cnn ", "name: backbone "), "model: whiten: true is for cnn and resnet"),
    "weights elsewhere": (edited("weights: imagenet", "weights: ../my.h5"), "model.backbone.weights: .*pattern"),
    "corrections that are no table": (edited("none.csv #", "none.txt #"), "prepare.corrections: .*pattern"),
    "too many stages": (edited("[8, 16, 32]", "[8, 8, 8, 8, 8]"), "model.resnet.filters: .*at most 4 items"),
    "rotation beyond a half turn": (
        edited("rotate: 0.0", "rotate: 181.0"),
        "augment.rotate: should be less than or equal to 180",
    ),
    "unknown source": (edited("apt:dataset-fashion-mnist ", "ftp://example.org "), "download.sources.2: a source is"),
    "option for a package": (edited("apt:dataset-fashion-mnist ", "apt:--help "), "download.sources.2: a source is"),
    "no member": (edited("  model: {seed: 0}", "  {}"), "ensemble: at least one member"),
    "members as a list": (edited("model: {seed: 0}", "- {seed: 0}"), "ensemble: should be a valid dictionary"),
    "member without seed": (edited("{seed: 0}              #", "{}  #"), "ensemble.model.seed: missing"),
    "member that is a number": (edited("model: {seed: 0}", "model: 3"), "ensemble.model: should be"),
    "member named like a path": (edited("model: {seed: 0}", "../model: {seed: 0}"), "'../model' cannot name a member"),
    "member named by a number": (edited("model: {seed: 0}", "1: {seed: 0}"), "1 cannot name a member"),
    "negative seed": (edited("model: {seed: 0}", "model: {seed: -1}"), "ensemble.model.seed: should be greater"),
    "override of an unknown key": (
        edited("model: {seed: 0}", "model: {seed: 0, train: {epoch: 3}}"),
        "model.train.epoch: unknown",
    ),
    "override of an unknown section": (
        edited("model: {seed: 0}", "model: {seed: 0, plot: {}}"),
        "ensemble.model.plot: unknown",
    ),
    "wrong override": (
        edited("model: {seed: 0}", "model: {seed: 0, train: {epochs: x}}"),
        "ensemble.model.train.epochs: should",
    ),
}


class Case(NamedTuple):
    """A stage with its argument, the file to damage, what becomes of it, a pattern of the message, and the exit code."""

    stage: str
    file: str
    damage: Callable[[Path], None]
    message: str
    exit_code: int


def replaced(content: str | bytes | Callable[[bytes], bytes]) -> Callable[[Path], None]:
    """Damage: other content, or the old content changed. The file is replaced, as its bytes are shared with other cases."""

    def damage(path: Path) -> None:
        new = content(path.read_bytes()) if callable(content) else content
        path.unlink()
        path.write_bytes(new.encode() if isinstance(new, str) else new)

    return damage


def directory_instead(path: Path) -> None:
    path.unlink()
    path.mkdir()


def unreadable(path: Path) -> None:
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content)
    path.chmod(0)


def arrays(**content: np.ndarray) -> Callable[[Path], None]:
    """Damage: an .npz file with other arrays."""
    file = io.BytesIO()
    np.savez(file, **content)
    return replaced(file.getvalue())


def model(make: str) -> Callable[[Path], None]:
    """Damage: another model, made by a function of this module that has to import Keras."""

    def damage(path: Path) -> None:
        path.unlink()
        globals()[make]().save(path)

    return damage


def other_shape():
    from fashion.backend import keras

    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(10)])


def with_code():
    from fashion.backend import keras

    return keras.Sequential([keras.Input((28, 28)), keras.layers.Lambda(lambda x: x[:, 0, :10])])


def with_nan():
    from fashion.backend import keras

    network = keras.Sequential([keras.Input((28, 28)), keras.layers.Flatten(), keras.layers.Dense(10)])
    network.layers[-1].kernel.assign(np.full((784, 10), np.nan))
    return network


def without_weights(content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            if name != "model.weights.h5":
                new.writestr(name, old.read(name))
    return out.getvalue()


def idx(magic: int, *shape: int, content: bytes = b"") -> bytes:
    return struct.pack(f">{1 + len(shape)}I", magic, *shape) + content


def leaving_out_all(path: Path) -> None:
    labels = (path.parents[1] / "raw/train-labels-idx1-ubyte").read_bytes()[8:]
    rows = (f"{index},{CLASS_NAMES[label]},\n" for index, label in enumerate(labels))
    replaced("index,label,becomes\n" + "".join(rows))(path)


def flipped_bit(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


IMAGES, LABELS = np.zeros((2, 28, 28), np.uint8), np.zeros(2, np.uint8)
RAW_IMAGES, RAW_LABELS = "data/raw/t10k-images-idx3-ubyte", "data/raw/t10k-labels-idx1-ubyte"
TRAIN, TEST = "data/prepared/train.npz", "data/prepared/test.npz"
MODEL, PREDICTIONS, HISTORY = "models/model.keras", "reports/predictions.csv", "reports/history/model.csv"
CORRECTIONS = "data/corrections/none.csv"
COLUMNS = "index,label,predicted,confidence\n"

CASES = {
    **{
        f"params.yaml: {name}": Case("prepare", "params.yaml", replaced(text), f"params.yaml: .*{message}", 2)
        for name, (text, message) in PARAMETERS.items()
    },
    **{
        f"params.yaml: {stage}": Case(
            stage,
            "params.yaml",
            replaced(edited("batch_size: ", "batch_sise: ")),
            "params.yaml: train.batch_size: missing; train.batch_sise: unknown key$",
            2,
        )
        for stage in ("download", "prepare", "train model", "evaluate", "plot", "augment")
    },
    "params.yaml: missing": Case(
        "prepare", "params.yaml", Path.unlink, "params.yaml: not found; run this in the project's top", 2
    ),
    "params.yaml: directory": Case("prepare", "params.yaml", directory_instead, "params.yaml: cannot be read", 2),
    "params.yaml: unknown member": Case(
        "train second", "params.yaml", lambda path: None, "no member 'second'; it has model", 2
    ),
    "source: wrong bytes": Case("download", RAW_LABELS, replaced(flipped_bit), "has SHA-256 .*, not 0402a96d92fd", 1),
    "source: truncated": Case("download", RAW_LABELS, replaced(lambda old: old[:99]), "has SHA-256 .*, not 0402a96d92fd", 1),
    "source: too long": Case("download", RAW_LABELS, replaced(lambda old: old + b"x"), "is larger than 10008 bytes", 1),
    "source: missing": Case("download", RAW_LABELS, Path.unlink, "has neither t10k-labels-idx1-ubyte nor t10k-labels", 1),
    "source: directory": Case("download", RAW_LABELS, directory_instead, "t10k-labels-idx1-ubyte: Is a directory", 1),
    "IDX: missing": Case("prepare", RAW_LABELS, Path.unlink, "ubyte: No such file or directory; `dvc repro` makes", 1),
    "IDX: directory": Case("prepare", RAW_LABELS, directory_instead, "ubyte: Is a directory", 1),
    "IDX: empty": Case("prepare", RAW_LABELS, replaced(""), "0 bytes are too few for an IDX header of 8; delete it", 1),
    "IDX: truncated": Case("prepare", RAW_IMAGES, replaced(lambda old: old[:-1]), "7840015 bytes, but the header promises", 1),
    "IDX: wrong magic": Case("prepare", RAW_LABELS, replaced("<html></html>"), "magic number is 0x3c68746d, not 0x00000801", 1),
    "IDX: images as labels": Case("prepare", RAW_LABELS, replaced(idx(0x803, 0, 28, 28)), "magic number is 0x00000803", 1),
    "IDX: wrong dimensions": Case(
        "prepare", RAW_IMAGES, replaced(idx(0x803, 2, 28, 27, content=bytes(2 * 28 * 27))), r"shape \(2, 28, 27\)", 1
    ),
    "IDX: huge dimensions": Case("prepare", RAW_IMAGES, replaced(idx(0x803, 2**31, 2**31, 28)), "the header promises", 1),
    "IDX: unequal lengths": Case(
        "prepare", RAW_LABELS, replaced(idx(0x801, 5, content=bytes(5))), "10000 images, but 5 labels; delete data/raw", 1
    ),
    "IDX: label above 9": Case(
        "prepare", RAW_LABELS, replaced(lambda old: old[:-1] + b"\x0a"), "label 10 at index 9999: labels are 0 to 9", 1
    ),
    "npz: missing": Case("train model", TRAIN, Path.unlink, "train.npz: No such file or directory; `dvc repro` makes", 1),
    "npz: directory": Case("train model", TRAIN, directory_instead, "train.npz: Is a directory", 1),
    "npz: empty": Case("train model", TRAIN, replaced(""), "train.npz: not a set of images", 1),
    "npz: no archive": Case("train model", TRAIN, replaced("<html>"), "train.npz: not a set of images", 1),
    "npz: truncated": Case("train model", TRAIN, replaced(lambda old: old[:-100]), "train.npz: not a set of images", 1),
    "npz: flipped bit": Case("train model", TRAIN, replaced(flipped_bit), "train.npz: not a set of images", 1),
    "npz: bare array": Case("train model", TRAIN, replaced(lambda old: old[32:]), "train.npz: not a set of images", 1),
    "npz: object array": Case(
        "train model", TRAIN, arrays(images=IMAGES, labels=np.array([{}, {}], object)), "allow_pickle=False", 1
    ),
    "npz: missing array": Case("train model", TRAIN, arrays(images=IMAGES), "not a set of images .*labels", 1),
    "npz: floats": Case("train model", TRAIN, arrays(images=IMAGES / 255, labels=LABELS), "images are float64", 1),
    "npz: wrong dimensions": Case("train model", TRAIN, arrays(images=IMAGES[:, 1:], labels=LABELS), r"shape \(2, 27, 28\)", 1),
    "npz: no images": Case("train model", TRAIN, arrays(images=IMAGES[:0], labels=LABELS[:0]), r"shape \(0, 28, 28\)", 1),
    "npz: unequal lengths": Case("train model", TRAIN, arrays(images=IMAGES, labels=LABELS[:1]), "2 images, but 1 labels", 1),
    "npz: label above 9": Case(
        "train model", TRAIN, arrays(images=IMAGES, labels=LABELS + np.uint8(10)), "label 10 at index 0", 1
    ),
    "model: missing": Case("evaluate", MODEL, Path.unlink, "models/model.keras: missing; run `dvc repro`", 1),
    "model: stray file": Case(
        "evaluate", MODEL, lambda path: path.with_name("x.keras").touch(), "models/x.keras: belongs to no member", 1
    ),
    "model: directory": Case("evaluate", MODEL, directory_instead, "models/model.keras: Is a directory", 1),
    "model: empty": Case("evaluate", MODEL, replaced(""), "model.keras: not a model that can be read safely", 1),
    "model: truncated": Case("evaluate", MODEL, replaced(lambda old: old[:-999]), "not a model that can be read safely", 1),
    "model: flipped bit": Case("evaluate", MODEL, replaced(flipped_bit), "not a model that can be read safely", 1),
    "model: without weights": Case("evaluate", MODEL, replaced(without_weights), "not a model that can be read safely", 1),
    "model: with code": Case("evaluate", MODEL, model("with_code"), "not a model that can be read safely .*[Ll]ambda", 1),
    "model: other architecture": Case("evaluate", MODEL, model("other_shape"), r"a model from \(None, 4\) to \(None, 10\)", 1),
    "model: weights with NaN": Case("evaluate", MODEL, model("with_nan"), "model.keras: some weights are not finite", 1),
    "predictions: missing": Case(
        "plot", PREDICTIONS, Path.unlink, "predictions.csv: No such file or directory; `dvc repro`", 1
    ),
    "predictions: empty": Case("plot", PREDICTIONS, replaced(""), "predictions.csv: damaged table", 1),
    "predictions: header alone": Case("plot", PREDICTIONS, replaced(COLUMNS), "predictions.csv: damaged table", 1),
    "predictions: no text": Case("plot", PREDICTIONS, replaced(b"index\n\xff\xfe\n"), "predictions.csv: damaged table", 1),
    "predictions: missing column": Case("plot", PREDICTIONS, replaced("index,label\n0,Bag\n"), "damaged table .'predicted'", 1),
    "predictions: short row": Case("plot", PREDICTIONS, replaced(COLUMNS + "0,Bag\n"), "rows are missing or too short", 1),
    "predictions: unknown class": Case("plot", PREDICTIONS, replaced(COLUMNS + "0,Hat,Bag,0.5\n"), "damaged table .'Hat'", 1),
    "predictions: no number": Case("plot", PREDICTIONS, replaced(COLUMNS + "0,Bag,Bag,high\n"), "damaged table", 1),
    "predictions: merge conflict": Case("plot", PREDICTIONS, replaced("<<<<<<< HEAD\n=======\n"), "damaged table", 1),
    "predictions: too few": Case("plot", PREDICTIONS, replaced(COLUMNS + "0,Bag,Bag,0.5\n"), "1 predictions for 10000", 1),
    "history: missing": Case("plot", HISTORY, Path.unlink, "reports/history/model.csv: missing; run `dvc repro`", 1),
    "history: stray file": Case(
        "plot", HISTORY, lambda path: path.with_name("x.csv").touch(), "x.csv: belongs to no member", 1
    ),
    "history: empty": Case("plot", HISTORY, replaced(""), "model.csv: damaged table", 1),
    "history: no number": Case("plot", HISTORY, replaced(lambda old: old.replace(b"\n1,", b"\none,")), "damaged table", 1),
    "metrics: damaged": Case("summary", "reports/metrics.json", replaced('{"train": 3}'), "metrics.json: damaged; run `dvc", 1),
    "metrics: missing": Case("summary", "reports/metrics.json", Path.unlink, "metrics.json: No such file or directory", 1),
    "corrections: of all": Case("prepare", CORRECTIONS, leaving_out_all, "none.csv: leaves out every training image", 1),
    "reliability: empty": Case("plot", "reports/reliability.csv", replaced(""), "reliability.csv: damaged table", 1),
}
if os.geteuid():  # root may read everything
    CASES |= {
        "params.yaml: no permission": Case("prepare", "params.yaml", unreadable, "params.yaml: cannot be read", 2),
        "IDX: no permission": Case("prepare", RAW_LABELS, unreadable, "ubyte: Permission denied", 1),
        "npz: no permission": Case("train model", TRAIN, unreadable, "train.npz: Permission denied", 1),
        "model: no permission": Case("evaluate", MODEL, unreadable, "model.keras: Permission denied", 1),
    }


def run(directory: Path, words: str) -> None:
    """Run a stage, or the summary, in a directory, as the program that it is."""
    name, *arguments = words.split()
    in_process.run(directory, f"{'tools' if name == 'summary' else 'src'}/{name}.py", *arguments)


def written(directory: Path) -> dict[Path, tuple[int, int]]:
    """When each file was written, and its number on the disk, which another file in its place has not."""
    return {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in directory.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", CASES)
def test_bad_input_ends_in_one_line(name, finished, tmp_path, capfd):
    case = CASES[name]
    here = tmp_path / "project"
    shutil.copytree(finished, here, copy_function=os.link)
    damaged_source = case.stage == "download" and case.file != "params.yaml"
    if damaged_source:  # the only one
        (here / "params.yaml").unlink()
        source = re.sub(r"(?m)^    - .*\n", "", TEXT).replace("  sources: ", f"  sources: ['file:{here}/source']  #")
        (here / "params.yaml").write_text(source)
        (here / "data/raw").rename(here / "source")
    case.damage(here / case.file.replace("data/raw", "source" if damaged_source else "data/raw"))
    capfd.readouterr()
    before = written(here)

    with pytest.raises(SystemExit) as end:
        run(here, case.stage)
    message = capfd.readouterr().err
    assert end.value.code == case.exit_code
    assert re.search(rf"^error: (no source has the data set:\n)?.*{case.message}", message), message
    # The report on all sources has a line for each.
    assert message.count("\n") == (3 if damaged_source else 1), message
    assert len(message) < 700
    changed = [path.relative_to(here).as_posix() for path, when in written(here).items() if before.get(path) != when]
    assert not list(here.rglob("*.partial"))
    # What the only source has right is taken, and verified.
    assert [path for path in changed if not (damaged_source and path.startswith("data/raw/"))] == []


@pytest.mark.parametrize(("words", "said"), [("augment", "6 images, 9 variants each"), ("summary", "Accuracy")])
def test_what_is_undamaged_is_used(finished, capfd, words, said):
    """So it is by the other stages: test_stage.py, after the disk was full."""
    capfd.readouterr()
    run(finished, words)
    assert said in capfd.readouterr().out


@pytest.mark.parametrize(("reader", "words"), [("numpy.load", "train model"), ("keras.models.load_model", "evaluate")])
def test_too_little_memory_is_not_taken_for_a_damaged_file(reader, words, finished, monkeypatch, capfd):
    def exhausted(*_, **__):
        raise MemoryError

    monkeypatch.setattr(reader, exhausted)
    capfd.readouterr()
    with pytest.raises(SystemExit) as end:
        run(finished, words)
    assert (end.value.code, capfd.readouterr().err) == (1, f"error: {NO_MEMORY}\n")


def test_a_gpu_without_a_deterministic_kernel_is_an_error_of_one_line(finished, monkeypatch, capfd):
    """No GPU is needed: what TensorFlow 2.21 raises on one is raised here."""

    def unimplemented(*_, **__):
        message = "A deterministic GPU implementation of fused batch-norm backprop, when training is disabled, is not currently"
        raise tf.errors.UnimplementedError(None, None, f"{message} available.\n\t [[{{{{node gradients}}}}]]")

    monkeypatch.setattr("keras.Model.fit", unimplemented)
    capfd.readouterr()
    with pytest.raises(SystemExit) as end:
        run(finished, "train model")
    assert (end.value.code, capfd.readouterr().err) == (1, f"error: {NOT_DETERMINISTIC}\n")
