"""Ctrl-C while a network trains."""

import signal

import pytest

from fashion.backend import keras, tf
from fashion.training.interrupt import CtrlC


@pytest.fixture(autouse=True)
def handler():
    """Python's own handler, before and after; what runs in the background may have been started without one."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.signal(signal.SIGINT, before) is signal.default_int_handler


def fit(steps: int, *callbacks: keras.callbacks.Callback) -> None:
    """Train some network for one epoch."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(loss="mse")
    batches = tf.data.Dataset.from_tensors((tf.zeros((1, 1)), tf.zeros((1, 1)))).repeat(steps)
    model.fit(batches, verbose=0, callbacks=list(callbacks))


def test_the_first_ends_a_training_before_its_next_step():
    begun = []

    def press(step: int, logs: dict | None) -> None:
        begun.append(step)
        if step == 3:
            signal.raise_signal(signal.SIGINT)
            begun.append("resumed")

    with pytest.raises(KeyboardInterrupt), CtrlC() as ctrl_c:
        fit(10, ctrl_c, keras.callbacks.LambdaCallback(on_train_batch_begin=press))
    assert begun == [0, 1, 2, 3, "resumed"]


def test_the_second_acts_at_once():
    after = []
    with pytest.raises(KeyboardInterrupt), CtrlC():
        signal.raise_signal(signal.SIGINT)
        after.append("the first")
        signal.raise_signal(signal.SIGINT)
        after.append("the second")
    assert after == ["the first"]


def test_one_after_the_last_step_is_not_forgotten():
    after = []
    with pytest.raises(KeyboardInterrupt), CtrlC() as ctrl_c:
        fit(1, ctrl_c)
        signal.raise_signal(signal.SIGINT)
        after.append("the rest of the work")
    assert after == ["the rest of the work"]


def test_it_counts_for_more_than_another_exception():
    """Optuna takes a pruned trial for a reason to begin the next."""
    with pytest.raises(KeyboardInterrupt), CtrlC():
        signal.raise_signal(signal.SIGINT)
        raise RuntimeError


def test_nothing_happens_without_it():
    with CtrlC() as ctrl_c:
        fit(2, ctrl_c)
    assert not ctrl_c.pressed
