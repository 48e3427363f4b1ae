"""The ensemble in formats that other programs run."""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from tqdm import tqdm

from fashion import params, paths
from fashion.backend import keras, quiet_import, tf
from fashion.data.facts import CLASSES, IMAGE_SIDE
from fashion.data.images import load_images
from fashion.networks import artifact
from fashion.pipeline.errors import UserError
from fashion.scoring.calibration import SMALLEST, read_temperature
from fashion.scoring.prediction import VIEWS, apply_view

# How far the exported model's probabilities may be from the original's.
TOLERANCE = 1e-3
# One image at a time, to measure how long it takes.
REPEATS = 200

Run = Callable[[np.ndarray], np.ndarray]


def build() -> keras.Model:
    """Return one model that does what `dvc repro evaluate` does: the members, averaged over test-time augmentation, and scaled.

    Raises:
        UserError: a model or metrics.json is missing or damaged.
        ParameterError: params.yaml is wrong.
    """
    read = params.load()
    models = [artifact.load(path) for path in paths.model_files(read.ensemble).values()]
    image = keras.Input((IMAGE_SIDE, IMAGE_SIDE), dtype="uint8", name="image")
    views = VIEWS[read.evaluate.tta]
    seen = keras.ops.concatenate([apply_view(image, view) for view in views])  # so that each member is there once
    weights = np.reshape([view.weight / len(models) for view in views], (-1, 1, 1)).astype(np.float32)
    mean = 0
    for name, model in zip(read.ensemble, models):
        model.name = f"member_{name}"
        mean += keras.ops.sum(keras.ops.reshape(model(seen), (len(views), -1, CLASSES)) * weights, axis=0)
    logits = keras.ops.log(keras.ops.maximum(mean, SMALLEST)) / read_temperature()
    probabilities = keras.layers.Softmax(name="probabilities")(logits)
    model = keras.Model(image, probabilities, name="fashion")
    model(np.zeros((1, IMAGE_SIDE, IMAGE_SIDE), np.uint8))  # the export to ONNX wants it to have been called
    return model


def write(model: keras.Model, form: str, path: Path) -> None:
    """Write the model in a format.

    Raises:
        UserError: what the format needs is not installed.
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
    """Return a function that runs the exported model on images, uint8 of shape (N, 28, 28), with the format's own runtime.

    Raises:
        UserError: that is not installed.
    """
    if form == "keras":
        return artifact.load(path).predict_on_batch
    if form == "saved_model":
        served = tf.saved_model.load(path)
        return lambda images: served.serve(images).numpy()
    if form == "onnx":
        try:
            import onnxruntime
        except ImportError as error:
            raise UserError(f"{error.name}: not installed; run `make extras`") from None
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        return lambda images: session.run(None, {session.get_inputs()[0].name: images})[0]
    with quiet_import():  # it is deprecated, and says so at length; its successor's package cannot be installed on all Pythons
        interpreter = tf.lite.Interpreter(str(path))
        interpreter.allocate_tensors()
    given, returned = (details[0]["index"] for details in (interpreter.get_input_details(), interpreter.get_output_details()))

    def run(images: np.ndarray) -> np.ndarray:
        interpreter.resize_tensor_input(given, images.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(given, images)
        interpreter.invoke()
        return interpreter.get_tensor(returned)

    return run


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
    batches = tqdm(np.array_split(images, 100), desc="comparing with the original", leave=False, disable=None)
    found = np.concatenate([run(batch) for batch in batches])
    worst, other = float(np.abs(found - expected).max()), int((found.argmax(axis=1) != expected.argmax(axis=1)).sum())
    if worst > TOLERANCE or other:
        raise UserError(
            f"the exported model disagrees with the original: another class for {other} of {len(images):,} images, "
            f"probabilities up to {worst:.2g} apart (at most {TOLERANCE:g}); nothing was written"
        )
    return f"agrees on {len(images):,} test images: the same classes, probabilities at most {worst:.1g} apart"


def latency(run: Run) -> float:
    """Return how long one image takes, milliseconds, the median of many."""
    image = np.zeros((1, IMAGE_SIDE, IMAGE_SIDE), np.uint8)
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        run(image)
        times.append(1000 * (time.perf_counter() - started))
    return statistics.median(times)
