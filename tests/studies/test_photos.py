"""studies/photos/photos.py: its photographs, which garments are on them, and its table."""

import runpy

import numpy as np
import pytest
from conftest import ROOT
from small_training import official

from fashion.data import release
from fashion.inference import photo
from fashion.pipeline.files import read_json


@pytest.fixture(scope="module")
def study():
    return runpy.run_path(str(ROOT / "studies/photos/photos.py"))


@pytest.fixture(scope="module")
def test_set(raw):
    return official(raw, release.read_test_set)


def test_each_kind_is_a_picture_and_the_same_each_time(study, test_set):
    kinds = study["KINDS"] | study["HELD_OUT"]
    assert len(study["KINDS"]) >= 12 and not study["KINDS"].keys() & study["HELD_OUT"].keys()
    for make in kinds.values():
        file, again = (make(test_set.images[2], np.random.default_rng(0)) for _ in range(2))
        assert file.getvalue() == again.getvalue()
        picture = photo.open_picture(file)
        assert picture.size == (study["WIDTH"], study["HEIGHT"])
        assert photo.make_garment(picture).image.shape == (28, 28)


def test_held_out_garments_are_others_and_the_network_gets_all_right(study, test_set):
    right = np.arange(len(test_set)) % 3 > 0
    chosen = {}
    for part in study["PARTS"]:
        rng = np.random.default_rng(0)
        chosen[part] = study["choose"](test_set.images, test_set.labels, right, "plain", part, rng)
        assert right[chosen[part]].all()
        assert (np.bincount(test_set.labels[chosen[part]]) == study["EACH"]).all()
    assert not set(chosen[study["TUNING"]]) & set(chosen[study["HELD"]])


def test_the_committed_page_is_that_of_the_results():
    results = [read_json(ROOT / f"studies/photos/{name}.json") for name in ("before", "results")]
    page = (ROOT / "studies/photos/table.md").read_text(encoding="utf-8")
    assert runpy.run_path(str(ROOT / "studies/photos/photos.py"))["table"](*results) == page


def test_the_photographs_are_named_right(study):
    """90 % over all, and of the kinds held out; four fifths of each kind."""
    hits = read_json(ROOT / "studies/photos/results.json")["hits"]
    shares = {(kind, part): number / (study["EACH"] * 10) for kind, parts in hits.items() for part, number in parts.items()}
    assert min(shares.values()) >= 0.8
    assert np.mean([*shares.values()]) >= 0.9
    assert np.mean([share for (kind, _), share in shares.items() if kind in study["HELD_OUT"]]) >= 0.9
