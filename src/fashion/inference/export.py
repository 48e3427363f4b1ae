"""The ensemble in formats that other programs run."""

import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from tqdm import tqdm

from fashion import params, paths
from fashion.backend import keras, quiet_import, tf
from fashion.data.facts import CLASSES, IMAGE_SIDE
from fashion.data.images import load_images
from fashion.inference import onnx_model
from fashion.inference.onnx_model import Run
from fashion.networks import artifact
from fashion.pipeline.errors import UserError
from fashion.scoring.calibration import NO_CALIBRATION, read_calibration, smallest
from fashion.scoring.features import distance, features
from fashion.scoring.out_of_distribution import load_statistics, read_threshold
from fashion.scoring.prediction import VIEWS, apply_view

# How far the exported model's outputs may be from the original's; of those above 1 this fraction.
TOLERANCE = 1e-3
# One image at a time, to measure how long it takes.
REPEATS = 200


def build() -> keras.Model:
    """Return one model that does what `dvc repro evaluate` does; see `Run` for what it takes and returns.

    Its members are averaged over test-time augmentation, and calibrated; the first one says what is out of distribution.

    Raises:
        UserError: a model, or what the evaluation wrote, is missing or damaged.
        ParameterError: params.yaml is wrong.
    """
    read = params.load()
    models = [artifact.load(path) for path in paths.model_files(read.ensemble).values()]
    image = keras.Input((IMAGE_SIDE, IMAGE_SIDE), dtype="uint8", name="image")
    views = VIEWS[read.evaluate.tta]
    seen = keras.ops.concatenate([apply_view(image, view) for view in views])  # so that each member is there once
    weights = np.reshape([view.weight / len(models) for view in views], (-1, 1, 1)).astype(np.float32)
    for name, model in zip(read.ensemble, models):
        model.name = f"member_{name}"
    first, *others = models
    of_first, found = keras.Model(first.inputs, [first.output, features(first)], name=first.name)(seen)
    probabilities = [of_first, *(model(seen) for model in others)]
    mean = sum(keras.ops.sum(keras.ops.reshape(each, (len(views), -1, CLASSES)) * weights, axis=0) for each in probabilities)
    calibration = read_calibration()
    if calibration != NO_CALIBRATION:
        above = keras.ops.maximum(mean - calibration.floor, smallest(calibration.floor))
        mean = keras.ops.softmax(keras.ops.log(above) / calibration.temperature)
    # Of the first view, which is the image as it is.
    found = keras.ops.reshape(found, (len(views), -1, found.shape[1]))[0]
    strangeness = distance(found, load_statistics(paths.OUT_OF_DISTRIBUTION)) / read_threshold()
    outputs = {"probabilities": mean, "out_of_distribution": strangeness}
    model = keras.Model(image, outputs, name="fashion")
    model(np.zeros((1, IMAGE_SIDE, IMAGE_SIDE), np.uint8))  # the export to ONNX wants it to have been called
    return model


def write(model: keras.Model, form: str, path: Path) -> None:
    """Write the model in a format.

    Raises:
        UserError: what the format needs is not installed, or the file cannot be written.
    """
    if form == "keras":
        artifact.save(path, model)
    elif form == "litert":
        with tempfile.TemporaryDirectory() as directory:
            write(model, "saved_model", Path(directory))
            path.write_bytes(tf.lite.TFLiteConverter.from_saved_model(directory).convert())
    else:
        try:
            model.export(path, format={"saved_model": "tf_saved_model"}.get(form, form), verbose=False)
        except ImportError as error:
            raise UserError(f"{error.name or error}: not installed; run `make extras`") from None
        except tf.errors.OpError as error:
            raise UserError(f"{path}: cannot be written ({' '.join(str(error).split())[:120]})") from None


def open_exported(form: str, path: Path) -> Run:
    """Return what runs the exported model, with the format's own runtime.

    Raises:
        UserError: that is not installed.
    """
    if form == "keras":
        return keras.models.load_model(path, compile=False, safe_mode=True).predict_on_batch
    if form == "saved_model":
        served = tf.saved_model.load(path)
        return lambda images: {name: output.numpy() for name, output in served.serve(images).items()}
    if form == "onnx":
        try:
            run, _ = onnx_model.open_file(path)
        except ImportError as error:
            raise UserError(f"{error.name}: not installed; run `make extras`") from None
        return run
    with quiet_import():  # it is deprecated, and says so at length; its successor's package cannot be installed on all Pythons
        interpreter = tf.lite.Interpreter(str(path))
        interpreter.allocate_tensors()
    served = interpreter.get_signature_runner()
    return lambda images: served(image=images)


def size(path: Path) -> int:
    """Return the bytes of a file, or of all files in a directory."""
    return sum(file.stat().st_size for file in ([path] if path.is_file() else path.rglob("*")) if file.is_file())


def check(run: Run, model: keras.Model) -> str:
    """Compare the exported model with the original on the test images.

    Returns:
        What was found, in words.

    Raises:
        UserError: they disagree, or the test images are missing or damaged.
    """
    images = load_images(paths.TEST).images
    expected = model.predict(images, batch_size=1000, verbose=0)
    # On a terminal alone.
    batches = tqdm(np.array_split(images, min(100, len(images))), desc="comparing with the original", leave=False, disable=None)
    parts = [run(batch) for batch in batches]
    found = {name: np.concatenate([part[name] for part in parts]) for name in expected}
    apart = {name: float((np.abs(found[name] - right) / np.maximum(right, 1)).max()) for name, right in expected.items()}
    other = int((found["probabilities"].argmax(axis=1) != expected["probabilities"].argmax(axis=1)).sum())
    if other or not all(gap <= TOLERANCE for gap in apart.values()):  # a gap that is no number is one, too
        numbers = " and ".join(f"{name} up to {gap:.2g} apart" for name, gap in apart.items())
        raise UserError(
            f"the exported model disagrees with the original: another class for {other} of {len(images):,} images, "
            f"{numbers} (at most {TOLERANCE:g}); nothing was written"
        )
    return (
        f"agrees on {len(images):,} test images: the same classes, probabilities at most {apart['probabilities']:.1g} and "
        f"out_of_distribution at most {apart['out_of_distribution']:.1g} apart"
    )


def latency(run: Run) -> float:
    """Return how long one image takes, milliseconds, the median of many."""
    image = np.zeros((1, IMAGE_SIDE, IMAGE_SIDE), np.uint8)
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        run(image)
        times.append(1000 * (time.perf_counter() - started))
    return statistics.median(times)
