"""PyTorch's weight files, read without PyTorch and without running the pickle code in them."""

import io
import pickletools
from typing import Any, NamedTuple

import numpy as np

# A file in PyTorch's format from before 1.6 starts with these two numbers.
MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
DTYPES = {"torch FloatStorage": np.dtype("<f4"), "torch LongStorage": np.dtype("<i8")}


class Global(str):
    """The name of something that a pickle would import; here it stays a name."""


class Call(NamedTuple):
    """What a pickle would call, and with what; here nothing is called."""

    name: Any
    arguments: Any


class Storage(NamedTuple):
    """A reference to a block of numbers that follows the pickles."""

    kind: str
    dtype: Global
    key: str
    device: str
    size: int
    view: None


def read_pickle(file: io.BytesIO) -> Any:
    """Follow one pickle's instructions with plain values; calls and imports become `Call` and `Global`.

    Raises:
        ValueError: it is no pickle, or has an instruction that weight files do not need.
    """
    stack: list[Any] = []
    marks: list[int] = []
    memo: dict[int, Any] = {}

    def since_mark() -> list[Any]:
        start = marks.pop()
        values = stack[start:]
        del stack[start:]
        return values

    for instruction, argument, _ in pickletools.genops(file):
        match instruction.name:
            case "BININT" | "BININT1" | "BININT2" | "LONG1" | "BINUNICODE" | "NONE":
                stack.append(argument)
            case "NEWTRUE" | "NEWFALSE":
                stack.append(instruction.name == "NEWTRUE")
            case "GLOBAL":
                stack.append(Global(argument))
            case "EMPTY_DICT" | "EMPTY_LIST" | "EMPTY_TUPLE":
                stack.append({"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple}[instruction.name]())
            case "MARK":
                marks.append(len(stack))
            case "TUPLE":
                stack.append(tuple(since_mark()))
            case "TUPLE1" | "TUPLE2":
                size = int(instruction.name[-1])
                stack[-size:] = [tuple(stack[-size:])]
            case "BINPUT" | "LONG_BINPUT":
                memo[argument] = stack[-1]
            case "BINGET" | "LONG_BINGET":
                stack.append(memo[argument])
            case "BINPERSID":
                stack.append(Storage(*stack.pop()))
            case "REDUCE":
                arguments, name = stack.pop(), stack.pop()
                stack.append({} if name == "collections OrderedDict" else Call(name, arguments))
            case "SETITEM":
                value, key = stack.pop(), stack.pop()
                stack[-1][key] = value
            case "SETITEMS":
                values = since_mark()
                stack[-1].update(zip(values[::2], values[1::2]))
            case "APPENDS":
                values = since_mark()
                stack[-1].extend(values)
            case "BUILD":
                stack.pop()  # attributes of the mapping: its version
            case "PROTO":
                pass
            case "STOP":
                return stack.pop()
            case name:
                raise ValueError(f"instruction {name}")
    raise ValueError("a pickle without an end")


def load(content: bytes) -> dict[str, np.ndarray]:
    """Return the arrays of a state dict, float32 or int64, by name.

    Args:
        content: a file that torch.save wrote before PyTorch 1.6.

    Raises:
        ValueError: the content is something else.
    """
    file = io.BytesIO(content)
    if read_pickle(file) != MAGIC or read_pickle(file) != PROTOCOL:
        raise ValueError("not PyTorch's format from before 1.6")
    read_pickle(file)  # about the machine that wrote it; all since have had the same number formats
    tensors, keys = read_pickle(file), read_pickle(file)
    references = {call.arguments[0].key: call.arguments[0] for call in tensors.values()}
    blocks = {}
    for key in keys:
        dtype = DTYPES[references[key].dtype]
        size = int.from_bytes(file.read(8), "little") * dtype.itemsize
        blocks[key] = file.read(size)
    arrays = {}
    for name, call in tensors.items():
        storage, offset, shape, strides, *_ = call.arguments
        dtype = DTYPES[storage.dtype]
        in_bytes = [stride * dtype.itemsize for stride in strides]
        # NumPy refuses what would lie outside the block.
        arrays[name] = np.ndarray(shape, dtype, blocks[storage.key], offset * dtype.itemsize, in_bytes)
    return arrays
