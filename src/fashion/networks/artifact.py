"""Trained networks as files whose bytes depend on nothing but the network."""

import io
import json
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from fashion.backend import keras
from fashion.data.facts import CLASSES, IMAGE_SIDE
from fashion.pipeline.errors import UserError
from fashion.pipeline.files import atomic_write, write_zip


def save(path: Path, model: keras.Model) -> None:
    """Write a model, without its optimizer, in the Keras v3 format; equal models give equal bytes.

    Keras writes the time of saving and the memory addresses of shared objects into the archive: the one is left out, the
    others become numbers in order of appearance.
    """
    with tempfile.TemporaryDirectory() as directory:
        raw = Path(directory) / "model.keras"
        model.save(raw)
        with zipfile.ZipFile(raw) as archive:
            content = {name: archive.read(name) for name in sorted(archive.namelist())}
    metadata = json.loads(content["metadata.json"])
    del metadata["date_saved"]
    content["metadata.json"] = json.dumps(metadata).encode()
    addresses: dict[int, int] = {}

    def number(tree: dict) -> dict:
        if tree.get("shared_object_id") is not None:
            tree["shared_object_id"] = addresses.setdefault(tree["shared_object_id"], len(addresses) + 1)
        return tree

    content["config.json"] = json.dumps(json.loads(content["config.json"], object_hook=number)).encode()
    with atomic_write(path) as file:
        write_zip(file, content)


def load(path: Path) -> keras.Model:
    """Read a model that `save` wrote. No code in the file is run (Keras' safe mode).

    Raises:
        UserError: the file is damaged, holds code, or is a model of another shape or with weights that are not finite.
    """
    remedy = "delete it and run `dvc repro`"
    content = path.read_bytes()
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            damaged = archive.testzip()
        if damaged:
            raise zipfile.BadZipFile(f"{damaged} is damaged")
        model = keras.models.load_model(path, compile=False, safe_mode=True)
        shapes = model.input_shape, model.output_shape
    except MemoryError:
        raise
    except Exception as error:  # Keras raises whatever the damage leads to
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{path}: not a model that can be read safely ({reason}); {remedy}") from None
    expected = (None, IMAGE_SIDE, IMAGE_SIDE), (None, CLASSES)
    if shapes != expected:
        raise UserError("{}: a model from {} to {}, not from {} to {}; {}".format(path, *shapes, *expected, remedy))
    if not all(np.isfinite(weights).all() for weights in model.get_weights()):
        raise UserError(f"{path}: some weights are not finite; {remedy}")
    return model
