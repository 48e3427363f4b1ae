"""The machine: what the bits of a result depend on besides code, data and parameters."""

import os
import platform
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
# What tells one processor from another in CPUINFO, on x86 and on Arm. The model name alone may be masked.
CPU_IDENTITY = ("model name", "cpu family", "model", "stepping", "cache size", "CPU implementer", "CPU part")
# Instructions that decide which kernels compute the sums of products, and so in which order and precision.
CPU_FEATURES = {
    *("avx", "avx2", "fma", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_bf16"),
    *("asimd", "asimddp", "bf16", "sve"),
}
# Those that say how many threads TensorFlow takes.
THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
# Environment variables that change what computes, and how, and with that the bits.
SETTINGS = (
    "KERAS_BACKEND",
    *THREADS,
    "TF_ENABLE_ONEDNN_OPTS",
    "ONEDNN_MAX_CPU_ISA",
    "OPENBLAS_CORETYPE",
    "NPY_DISABLE_CPU_FEATURES",
)
LIBRARIES = ("tensorflow", "keras", "numpy", "matplotlib", "dvc")


def available_processors() -> int:
    """Return how many processors this process may use, which is how many threads TensorFlow takes."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def cpuinfo() -> list[tuple[str, str]]:
    """Return the lines of CPUINFO, each as a name and a value; none where the system has no such file."""
    if not CPUINFO.exists():
        return []
    lines = (line.partition(":") for line in CPUINFO.read_text().splitlines())
    return [(name.strip(), value.strip()) for name, _, value in lines]


def cpu_features() -> set[str]:
    """Return which of CPU_FEATURES the processor has; none where the system does not say."""
    return {word for name, value in cpuinfo() if name in ("flags", "Features") for word in value.split()} & CPU_FEATURES


def describe_machine() -> dict[str, object]:
    """Return the processor, the settings and the versions that a result depends on."""
    cpu = {name: value for name, value in cpuinfo() if name in CPU_IDENTITY}
    if not cpu and shutil.which("sysctl"):
        sysctl = ["sysctl", "-n", "machdep.cpu.brand_string"]
        cpu["model name"] = subprocess.run(sysctl, capture_output=True, text=True).stdout.strip()
    return {
        "cpu": ", ".join(f"{name}: {value}" for name, value in cpu.items()),
        "cpu_features": sorted(cpu_features()),
        "threads": available_processors(),
        "settings": " ".join(f"{name}={os.environ[name]}" for name in SETTINGS if name in os.environ) or "none",
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: version(name) for name in LIBRARIES},
    }
