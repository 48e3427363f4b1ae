"""The IDX file format: a magic number, the size of each dimension, then the bytes of the array.

Source: the description of the format at the end of the MNIST page, yann.lecun.com/exdb/mnist.
"""

import math
import struct
from pathlib import Path

import numpy as np

from fashion.pipeline.errors import UserError

UNSIGNED_BYTE = 0x08


def parse(content: bytes, dimensions: int) -> np.ndarray:
    """Return the array that an IDX file of unsigned bytes holds.

    Args:
        content: the whole file, decompressed.
        dimensions: how many dimensions the array must have: 3 for images, 1 for labels.

    Returns:
        A read-only uint8 array.

    Raises:
        ValueError: the magic number is another one, or the length is not what the header promises.
    """
    header_bytes = 4 + 4 * dimensions
    if len(content) < header_bytes:
        raise ValueError(f"{len(content)} bytes are too few for an IDX header of {header_bytes}")
    magic, *shape = struct.unpack_from(f">{1 + dimensions}I", content)
    expected_magic = UNSIGNED_BYTE << 8 | dimensions
    if magic != expected_magic:
        raise ValueError(f"magic number is 0x{magic:08x}, not 0x{expected_magic:08x} (IDX, bytes, {dimensions} dimensions)")
    expected_bytes = header_bytes + math.prod(shape)
    if len(content) != expected_bytes:
        raise ValueError(f"{len(content)} bytes, but the header promises {expected_bytes} for shape {tuple(shape)}")
    return np.frombuffer(content, np.uint8, offset=header_bytes).reshape(shape)


def serialize(array: np.ndarray) -> bytes:
    """Return the content of the IDX file that holds a uint8 array; `parse` reads it."""
    return struct.pack(f">{1 + array.ndim}I", UNSIGNED_BYTE << 8 | array.ndim, *array.shape) + array.tobytes()


def read(path: Path, dimensions: int) -> np.ndarray:
    """Read an IDX file of unsigned bytes; see `parse`.

    Raises:
        UserError: the file is no such IDX file.
    """
    try:
        return parse(path.read_bytes(), dimensions)
    except ValueError as error:
        raise UserError(f"{path}: {error}; delete it and run `dvc repro download`") from None
