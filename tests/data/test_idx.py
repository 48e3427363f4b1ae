"""The IDX format: what was written is read, and anything else is refused."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from fashion.data import idx
from fashion.pipeline.errors import UserError


def encode(array: np.ndarray) -> bytes:
    return struct.pack(f">{1 + array.ndim}I", 0x0800 | array.ndim, *array.shape) + array.tobytes()


@given(arrays(np.uint8, array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=8)))
def test_reads_what_was_written(array):
    np.testing.assert_array_equal(idx.parse(encode(array), array.ndim), array)


@given(arrays(np.uint8, array_shapes(max_dims=3, max_side=4)), st.data())
def test_a_flipped_bit_is_refused_in_the_header_and_read_behind_it(array, data):
    content = bytearray(encode(array))
    header = 4 + 4 * array.ndim
    place = data.draw(st.integers(0, header - 1) | st.integers(header, len(content) - 1))
    content[place] ^= 1 << data.draw(st.integers(0, 7))
    if place < header:
        with pytest.raises(ValueError, match=r"magic number is|the header promises"):
            idx.parse(bytes(content), array.ndim)
    else:
        assert encode(idx.parse(bytes(content), array.ndim)) == content


@given(arrays(np.uint8, (3, 4, 5)), st.integers(1, 76))
def test_a_truncated_file_is_refused(array, missing):
    with pytest.raises(ValueError, match="bytes"):
        idx.parse(encode(array)[:-missing], 3)


def test_images_are_not_labels():
    with pytest.raises(ValueError, match="magic number is 0x00000803, not 0x00000801"):
        idx.parse(encode(np.zeros((2, 28, 28), np.uint8)), 1)


def test_the_message_names_the_file(tmp_path):
    path = tmp_path / "labels"
    path.write_bytes(b"<html>not found</html>")
    with pytest.raises(UserError, match="labels: magic number is 0x3c68746d"):
        idx.read(path, 1)


def test_the_real_labels(raw):
    labels = idx.read(raw / "train-labels-idx1-ubyte", 1)
    assert np.bincount(labels).tolist() == [6000] * 10
    assert labels[:5].tolist() == [9, 0, 0, 3, 0]
