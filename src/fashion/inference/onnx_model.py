"""The ensemble as one ONNX file, which runs without TensorFlow and so starts in a fraction of the time."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from fashion import paths
from fashion.params import Params
from fashion.pipeline.files import sha256
from fashion.scoring.calibration import read_calibration
from fashion.scoring.out_of_distribution import read_threshold

# Images that are worked on at a time.
BATCH = 1000
# The key of the file's metadata that says what it was made from.
MADE_FROM = "made_from"

# From images, uint8 of shape (N, 28, 28), to what an exported ensemble says of them: "probabilities", float32 of shape (N, 10),
# and "out_of_distribution", float32 of shape (N,), which is above 1 for what is unlike the training images.
Run = Callable[[np.ndarray], dict[str, np.ndarray]]


def fingerprint(params: Params) -> str:
    """Return a SHA-256 of what determines an exported ensemble: its members' files, in their order, and how it scores.

    Raises:
        UserError: a model is missing, or what the evaluation wrote is missing or damaged.
    """
    meant = [
        [sha256(path) for path in (*paths.model_files(params.ensemble).values(), paths.OUT_OF_DISTRIBUTION)],
        params.evaluate.tta,
        read_calibration(),
        read_threshold(),
    ]
    return hashlib.sha256(json.dumps(meant).encode()).hexdigest()


def stamp(path: Path, made_from: str) -> None:
    """Write into an ONNX file what it was made from."""
    import onnx

    model = onnx.load(path)
    onnx.helper.set_model_props(model, {MADE_FROM: made_from})
    onnx.save(model, path)


def open_file(path: Path) -> tuple[Run, str | None]:
    """Return what runs an ONNX file, and what it was made from.

    Raises:
        ImportError: ONNX Runtime is not installed. What it raises itself, of a damaged file, is of many kinds.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # Its threads would wait for the next call by spinning: three quarters of the processor time of single images.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    (image,), names = session.get_inputs(), [output.name for output in session.get_outputs()]

    def run(images: np.ndarray) -> dict[str, np.ndarray]:
        batches = [session.run(names, {image.name: images[at : at + BATCH]}) for at in range(0, len(images), BATCH)]
        return {name: np.concatenate(parts) for name, parts in zip(names, zip(*batches))}

    return run, session.get_modelmeta().custom_metadata_map.get(MADE_FROM)


def load(made_from: str) -> Run | None:
    """Return what runs the exported ensemble.

    Returns:
        None if there is no such file, it was made from something else, or the package that runs it is not installed.
    """
    try:
        run, origin = open_file(paths.ONNX)
    except Exception:  # missing, or damaged: there is the original
        return None
    return run if origin == made_from else None
