"""The number format of the training's arithmetic."""

from fashion.pipeline.machine import cpu_features

# With one of these a product of bfloat16 matrices takes half the time of float32 or less; without, many times as long.
FAST_BFLOAT16 = {"avx512_bf16", "amx_bf16"}


def choose(precision: str) -> str:
    """Return "bfloat16" or "float32": what `precision` names or, for "auto", the faster one on this processor."""
    if precision != "auto":
        return precision
    return "bfloat16" if cpu_features() & FAST_BFLOAT16 else "float32"
