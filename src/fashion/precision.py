"""The number format of the training's arithmetic, and what the processor offers for it."""

from pathlib import Path

# Instructions that decide which kernels compute the sums of products, and so in which order and precision.
CPU_FEATURES = set("avx avx2 fma avx_vnni avx512f avx512_vnni avx512_bf16 avx512_fp16 amx_bf16 asimd asimddp bf16 sve".split())
# With one of these a product of bfloat16 matrices takes half the time of float32 or less; without, many times as long.
FAST_BFLOAT16 = {"avx512_bf16", "amx_bf16"}
CPUINFO = Path("/proc/cpuinfo")


def cpu_features() -> set[str]:
    """Return which of CPU_FEATURES the processor has; none where the system does not say."""
    if not CPUINFO.exists():
        return set()
    lines = (line.partition(":") for line in CPUINFO.read_text().splitlines())
    return {word for name, _, value in lines if name.strip() in ("flags", "Features") for word in value.split()} & CPU_FEATURES


def choose(precision: str) -> str:
    """Return "bfloat16" or "float32": what `precision` names or, for "auto", the faster one on this processor."""
    if precision != "auto":
        return precision
    return "bfloat16" if cpu_features() & FAST_BFLOAT16 else "float32"
