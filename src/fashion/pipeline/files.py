"""Files appear whole or not at all."""

import hashlib
import importlib.util
import io
import json
import os
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np

from fashion.pipeline.errors import UserError

Taken = TypeVar("Taken")


@contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """Open a binary file that gets its name, `path`, only after all its bytes are on the disk.

    Until then it is `path` + ".partial", a name that git and DVC ignore. When the block raises, `path` stays as it was.
    Missing parent directories are made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        error.filename = error.filename or str(path)
        raise
    finally:
        partial.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all."""
    with atomic_write(path) as file:
        file.write(content)


def write_text(path: Path, text: str) -> None:
    """Write a file in UTF-8, whole or not at all."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write a value as JSON that reads well in a diff, whole or not at all."""
    write_text(path, json.dumps(value, indent=2) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file that is in git.

    Raises:
        UserError: it is damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path}: damaged ({error}); `git checkout {path}` restores it") from None


def read_results(path: Path, take: Callable[[Any], Taken]) -> Taken:
    """Read a JSON file of results.

    Args:
        path: the file.
        take: returns what is needed of its content; a key or a type that it misses is damage.

    Raises:
        UserError: the file is damaged.
    """
    content = read_json(path)
    try:
        return take(content)
    except (AttributeError, LookupError, TypeError, ValueError):
        raise UserError(f"{path}: damaged; `git checkout {path}` restores it") from None


def read_arrays(path: Path, **shapes: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Read an .npz file of finite numbers that is in git.

    Args:
        path: the file.
        shapes: the shape of each array, by name; -1 for any length.

    Raises:
        UserError: it is damaged, or its arrays have other shapes.
    """
    content = path.read_bytes()
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in shapes}
        for name, shape in shapes.items():
            if not np.isfinite(arrays[name]).all() or len(arrays[name].shape) != len(shape):
                raise ValueError(name)
            if any(length not in (-1, found) for length, found in zip(shape, arrays[name].shape)):
                raise ValueError(name)
    except MemoryError:
        raise
    except Exception:  # the readers of both formats raise whatever the damage leads to
        raise UserError(f"{path}: damaged; `git checkout {path}` restores it") from None
    return arrays


def write_zip(file: BinaryIO, content: Mapping[str, bytes]) -> None:
    """Write a zip archive whose bytes depend on nothing but its content: uncompressed, in the given order, without times.

    NumPy's and Keras' own archives also depend on the time or on the version of Python.
    """
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in content.items():
            archive.writestr(zipfile.ZipInfo(name), data)


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays as an .npz file; equal arrays give equal bytes."""
    content = {}
    for name, array in arrays.items():
        npy = io.BytesIO()
        np.lib.format.write_array(npy, array, allow_pickle=False)
        content[f"{name}.npy"] = npy.getvalue()
    with atomic_write(path) as file:
        write_zip(file, content)


def packaged_file(package: str, name: str) -> Path:
    """Return a file that an installed package carries, without importing it, as `importlib.resources` would.

    Raises:
        UserError: the package is not installed.
    """
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise UserError(f"{package}: not installed; run `make extras`")
    return Path(found.origin).parent / name


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
