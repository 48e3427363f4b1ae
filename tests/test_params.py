import string
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from fashion import params
from fashion.errors import ParameterError

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


BAD = {
    "empty": ("", "empty, or no mapping of sections"),
    "list": ("[1, 2]", "no mapping of sections"),
    "not YAML": ("train: [", "not valid YAML"),
    "not text": (b"\xff\xfe\x00", "cannot be read|not valid YAML"),
    "YAML tag": (edited("epochs: 2", "epochs: !!python/object/apply:os.getcwd []"), "not valid YAML.*tag"),
    "impossible date": (edited("epochs: 2", "epochs: 2026-99-99"), "not valid YAML"),
    "endless nesting": ("[" * 5000, "not valid YAML"),
    "recursive alias": (edited("[32, 64, 64]", "&a [*a]"), "not valid YAML|model.filters.0: should be"),
    "duplicate key": (edited("epochs: 2", "epochs: 2\n  epochs: 3"), "duplicate key"),
    "unknown section": (TEXT + "\ntraining: {}\n", "training: unknown key"),
    "unknown key": (edited("epochs: 2", "epohcs: 10"), "train.epochs: missing; train.epohcs: unknown key$"),
    "missing section": (edited("\nplot:", "\nplots:"), "plot: missing"),
    "section without keys": (TEXT.partition("evaluate:")[0] + "evaluate:\nplot: {}\n", "evaluate: should be"),
    "word for a number": (edited("epochs: 2", "epochs: ten"), r"train.epochs: should be a valid integer \(given: 'ten'\)$"),
    "quoted number": (edited("epochs: 2", 'epochs: "2"'), r"train.epochs: should be a valid integer \(given: '2'\)"),
    "float for an integer": (edited("epochs: 2", "epochs: 2.0"), r"train.epochs: .*integer \(given: 2.0\)"),
    "bool for an integer": (edited("epochs: 2", "epochs: true"), r"train.epochs: .*integer \(given: True\)"),
    "YAML 1.1 bool": (edited("epochs: 2", "epochs: yes"), r"train.epochs: .*integer \(given: 'yes'\)"),
    "zero": (edited("epochs: 2", "epochs: 0"), r"train.epochs: should be greater than or equal to 1 \(given: 0\)"),
    "negative": (edited("batch_size: ", "batch_size: -"), "train.batch_size: should be greater than or equal to 1"),
    "too large": (edited("learning_rate: 0", "learning_rate: 11"), "train.learning_rate: should be less than or equal to 10"),
    "NaN": (edited("label_smoothing: 0.05", "label_smoothing: .nan"), "train.label_smoothing: should be a finite number"),
    "infinite": (edited("dropout: 0.0", "dropout: .inf"), "model.dropout: should be a finite number"),
    "one": (edited("dropout: 0.0", "dropout: 1"), r"model.dropout: should be less than 1 \(given: 1\)"),
    "null": (edited("dropout: 0.0", "dropout: null"), r"model.dropout: should be a valid number \(given: None\)"),
    "unknown choice": (edited("which: first", "which: best"), "plot.which: should be 'first', 'wrong' or 'unsure'"),
    "scalar for a list": (edited("[32, 64, 64]", "32"), "model.filters: should be a valid list"),
    "empty list": (edited("[32, 64, 64]", "[]"), "model.filters: .*at least 1"),
    "wrong item": (edited("[32, 64, 64]", "[32, 0, 64]"), "model.filters.1: should be greater than or equal to 1"),
    "no pixels left": (edited("kernel_size: 3", "kernel_size: 9"), "model: convolution 3 of 3 has no pixels left"),
    "classes in unequal parts": (edited("images: 1000 ", "images: 1005 "), "prepare.images: should be a multiple of 10"),
    "nothing held out": (
        edited("images: 1000 ", "images: 100 ").replace("validation_fraction: 0.1 ", "validation_fraction: 0.05 "),
        "prepare: validation_fraction 0.05 of 100 images holds out less than one of each class",
    ),
    "ignored weight decay": (edited("optimizer: adamw", "optimizer: adam"), "train: weight_decay: .* needs optimizer: adamw"),
    "unknown source": (edited("apt:dataset-fashion-mnist ", "ftp://example.org "), "download.sources.2: a source is"),
    "option for a package": (edited("apt:dataset-fashion-mnist ", "apt:--help "), "download.sources.2: a source is"),
    "no member": (edited("  first: {seed: 0}", "  {}"), "ensemble: at least one member"),
    "members as a list": (edited("first: {seed: 0}", "- {seed: 0}"), "ensemble: should be a valid dictionary"),
    "member without seed": (edited("{seed: 0}              #", "{}  #"), "ensemble.first.seed: missing"),
    "member that is a number": (edited("first: {seed: 0}", "first: 3"), "ensemble.first: should be"),
    "member named like a path": (edited("first: {seed: 0}", "../first: {seed: 0}"), "'../first' cannot name a member"),
    "member named by a number": (edited("first: {seed: 0}", "1: {seed: 0}"), "1 cannot name a member"),
    "negative seed": (edited("first: {seed: 0}", "first: {seed: -1}"), "ensemble.first.seed: should be greater"),
    "override of an unknown key": (
        edited("first: {seed: 0}", "first: {seed: 0, train: {epoch: 3}}"),
        "first.train.epoch: unknown",
    ),
    "override of an unknown section": (
        edited("first: {seed: 0}", "first: {seed: 0, plot: {}}"),
        "ensemble.first.plot: unknown",
    ),
    "wrong override": (
        edited("first: {seed: 0}", "first: {seed: 0, train: {epochs: x}}"),
        "ensemble.first.train.epochs: should",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_parameters_are_refused_in_one_line(load, case):
    text, message = BAD[case]
    with pytest.raises(ParameterError, match=message) as error:
        load(text)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 500


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ParameterError, match="params.yaml: not found; run this in the project's top directory"):
        params.load(tmp_path / "params.yaml")


def test_a_directory_in_the_place_of_the_file(tmp_path):
    with pytest.raises(ParameterError, match="cannot be read"):
        params.load(tmp_path)


RECIPES = ["params.yaml", "tests/params.yaml", *(f"recipes/{path.name}" for path in (HERE.parent / "recipes").iterdir())]


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_is_valid(recipe):
    params.load(HERE.parent / recipe)


def test_numbers_are_read_as_dvc_reads_them(load):
    rate = edited("label_smoothing: 0.05", "label_smoothing: 1e-3")
    assert load(rate).train.label_smoothing == 0.001


def test_a_member_overrides_single_keys(load):
    members = "first: {seed: 0}\n  wide: {seed: 7, model: {filters: [64, 128]}, train: {epochs: 3}}"
    loaded = load(edited("first: {seed: 0}", members))
    wide = loaded.member("wide")
    assert (wide.seed, wide.model.filters, wide.train.epochs) == (7, [64, 128], 3)
    assert wide.train.batch_size == loaded.train.batch_size
    assert loaded.member("first").train == loaded.train


def test_an_unknown_member_is_named(load):
    with pytest.raises(ParameterError, match="no member 'second'; it has first"):
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


@settings(max_examples=200)
@given(data=st.data(), value=VALUES)
def test_any_value_of_any_key_gives_parameters_or_an_error_that_names_it(tmp_path_factory, data, value):
    tree = YAML(typ="safe").load(TEXT)
    section = data.draw(st.sampled_from(sorted(tree)))
    key = data.draw(st.sampled_from(sorted(tree[section])))
    tree[section][key] = value
    path = tmp_path_factory.mktemp("any") / "params.yaml"
    with path.open("w") as file:
        YAML(typ="safe").dump(tree, file)
    try:
        params.load(path)
    except ParameterError as error:
        assert section in str(error) or "not valid YAML" in str(error)
