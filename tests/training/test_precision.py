"""Which number format `auto` stands for."""

import pytest

from fashion.pipeline import machine
from fashion.training import precision

CPUINFO = "processor : 0\nmodel name : Some CPU\nflags : fpu avx avx2 fma {}\n\nprocessor : 1\nflags : fpu avx avx2 fma {}\n"


@pytest.mark.parametrize(
    ("flags", "chosen"), [("avx512f avx512_bf16", "bfloat16"), ("amx_bf16", "bfloat16"), ("avx512f avx512_vnni", "float32")]
)
def test_auto_looks_at_the_processor(tmp_path, monkeypatch, flags, chosen):
    monkeypatch.setattr(machine, "CPUINFO", tmp_path / "cpuinfo")
    machine.CPUINFO.write_text(CPUINFO.format(flags, flags))
    assert machine.cpu_features() == {"avx", "avx2", "fma", *flags.split()}
    assert precision.choose("auto") == chosen
    assert (precision.choose("float32"), precision.choose("bfloat16")) == ("float32", "bfloat16")


def test_auto_is_float32_where_the_system_does_not_say(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "CPUINFO", tmp_path / "missing")
    assert precision.choose("auto") == "float32"
