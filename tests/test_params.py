"""params.yaml: every recipe is valid, and anything else gives an error that names the key."""

import re
import string
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from fashion import params
from fashion.pipeline.errors import ParameterError
from fashion.pipeline.yaml import read_yaml

HERE = Path(__file__).resolve().parent
TEXT = (HERE / "params.yaml").read_text(encoding="utf-8")


@pytest.fixture
def load(tmp_path):
    def load_text(text: str | bytes) -> params.Params:
        path = tmp_path / "params.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return params.load(path)

    return load_text


def edited(old: str, new: str) -> str:
    assert TEXT.count(old) == 1, f"{old!r} stands {TEXT.count(old)} times in params.yaml"
    return TEXT.replace(old, new)


RECIPES = ["params.yaml", "tests/params.yaml", *(f"recipes/{path.name}" for path in (HERE.parent / "recipes").iterdir())]


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_is_valid(recipe):
    params.load(HERE.parent / recipe)


def test_numbers_are_read_as_dvc_reads_them(load):
    rate = edited("label_smoothing: 0.05", "label_smoothing: 1e-3")
    assert load(rate).train.label_smoothing == 0.001


def test_a_member_overrides_single_keys(load):
    members = "model: {seed: 0}\n  wide: {seed: 7, model: {cnn: {filters: [64, 128]}}, train: {epochs: 3}}"
    loaded = load(edited("  model: {seed: 0}", f"  {members}"))
    wide = loaded.member("wide")
    assert (wide.seed, wide.model.cnn.filters, wide.train.epochs) == (7, [64, 128], 3)
    assert wide.train.batch_size == loaded.train.batch_size
    assert loaded.member("model").train == loaded.train


def test_an_unknown_member_is_named(load):
    with pytest.raises(ParameterError, match="no member 'second'; it has model"):
        load(TEXT).member("second")


@settings(max_examples=100)
@given(st.text(alphabet=string.printable, max_size=200))
def test_any_text_gives_parameters_or_a_parameter_error(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("any") / "params.yaml"
    path.write_text(text)
    with pytest.raises(ParameterError):
        params.load(path)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(alphabet=string.printable, max_size=5)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3)
)


RECIPE = read_yaml(HERE / "params.yaml")


@settings(max_examples=200)
@given(place=st.sampled_from([(section, key) for section in sorted(RECIPE) for key in sorted(RECIPE[section])]), value=VALUES)
@example(place=("train", "epochs"), value="3")
@example(place=("train", "epochs"), value=3)
@example(place=("train", "l1"), value=0)
@example(place=("prepare", "images"), value=100)
@example(place=("train", "weight_decay"), value=-1)
def test_any_value_of_any_key_is_loaded_as_it_is_or_is_an_error_that_names_the_key(tmp_path_factory, place, value):
    section, key = place
    path = tmp_path_factory.mktemp("any") / "params.yaml"
    with path.open("w") as file:
        YAML(typ="safe").dump(RECIPE | {section: RECIPE[section] | {key: value}}, file)
    try:
        loaded = getattr(getattr(params.load(path), section), key)
    except ParameterError as error:
        # A rule of a whole section is told under its name, and names the keys that it is about.
        assert re.search(rf": {section}(\.|: .*\b){key}\b|: not valid YAML: ", str(error)), error
    else:
        # A whole number may stand for one with a point.
        assert loaded == value and type(loaded) is type(RECIPE[section][key])
