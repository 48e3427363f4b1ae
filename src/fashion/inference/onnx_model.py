"""The ensemble as one ONNX file, which runs without TensorFlow and so starts in a fraction of the time."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from fashion import paths
from fashion.params import Params
from fashion.pipeline.files import sha256
from fashion.scoring.calibration import read_temperature

# Images that are worked on at a time.
BATCH = 1000
# The key of the file's metadata that says what it was made from.
MADE_FROM = "made_from"


def fingerprint(params: Params) -> str:
    """Return a SHA-256 of what determines an exported ensemble: its members' files, in their order, and how it scores.

    Raises:
        UserError: a model is missing, or metrics.json is missing or damaged.
    """
    meant = [
        [sha256(path) for path in paths.model_files(params.ensemble).values()],
        params.evaluate.tta,
        read_temperature(),
    ]
    return hashlib.sha256(json.dumps(meant).encode()).hexdigest()


def stamp(path: Path, made_from: str) -> None:
    """Write into an ONNX file what it was made from."""
    import onnx

    model = onnx.load(path)
    onnx.helper.set_model_props(model, {MADE_FROM: made_from})
    onnx.save(model, path)


def load(made_from: str) -> Callable[[np.ndarray], np.ndarray] | None:
    """Return a function from images, uint8 of shape (N, 28, 28), to probabilities, float32 of shape (N, 10).

    Returns:
        None if there is no such file, it was made from something else, or the package that runs it is not installed.
    """
    try:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        # Its threads would wait for the next call by spinning: three quarters of the processor time of single images.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        session = onnxruntime.InferenceSession(paths.ONNX, options, providers=["CPUExecutionProvider"])
    except Exception:  # missing, or damaged: there is the original
        return None
    if session.get_modelmeta().custom_metadata_map.get(MADE_FROM) != made_from:
        return None
    name = session.get_inputs()[0].name
    return lambda images: np.concatenate(
        [session.run(None, {name: images[start : start + BATCH]})[0] for start in range(0, len(images), BATCH)]
    )
