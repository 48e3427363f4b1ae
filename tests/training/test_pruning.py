"""Data pruning: which images the later epochs train on."""

import numpy as np
import pytest
from small_training import MEMBER, Recorder, changed, images

from fashion.training import pruning
from fashion.training.batches import shuffled_batches
from fashion.training.fit import fit
from fashion.training.schedules import learning_rates


def test_the_later_epochs_have_the_images_that_were_hardest_after_two_epochs(raw, monkeypatch):
    data = images(raw)
    seen, ranked = [], []
    hardest = pruning.hardest
    monkeypatch.setattr(
        "fashion.training.fit.shuffled_batches", lambda *given: seen.append(given[:2]) or shuffled_batches(*given)
    )
    monkeypatch.setattr(pruning, "hardest", lambda *given: ranked.append(given) or hardest(*given))
    member = changed(MEMBER, train={"epochs": 4, "batch_size": 20, "data_pruning": 0.7})
    _, history = fit(member, *data, Recorder())

    [(probabilities, count)] = ranked
    confidence = probabilities.max(axis=1)
    assert count == 300 and (confidence.argsort() != np.arange(1000)).any()
    kept = confidence <= np.sort(confidence)[299]
    for (shown, targets), chosen in zip(seen, (np.full(1000, True), np.full(1000, True), kept, kept), strict=True):
        np.testing.assert_array_equal(shown, data[0].images[chosen])
        np.testing.assert_array_equal(np.argmax(targets, axis=1), data[0].labels[chosen])
    rates = learning_rates(member.train, 50 + 50 + 15 + 15)
    assert [row["learning_rate"] for row in history] == pytest.approx(
        [rates[:50].mean(), rates[50:100].mean(), rates[100:115].mean(), rates[115:].mean()]
    )
