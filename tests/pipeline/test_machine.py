"""What a result is said to depend on besides code, data and parameters."""

from importlib.metadata import version

from fashion.pipeline.machine import SETTINGS, describe_machine


def test_this_machine_is_described():
    machine = describe_machine()
    assert machine["threads"] >= 1 and machine["tensorflow"] == version("tensorflow") and machine["cpu"]


def test_a_setting_that_changes_the_bits_makes_another_machine(monkeypatch):
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    before = describe_machine()
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "1")
    assert describe_machine() == before | {"settings": "TF_NUM_INTRAOP_THREADS=1"}
