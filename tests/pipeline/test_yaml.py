"""YAML is read as DVC reads it, or refused."""

import math

import pytest
from dvc.utils.serialize import load_yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fashion.pipeline.errors import ParameterError
from fashion.pipeline.yaml import read_yaml

REFUSED = object()


@pytest.fixture(scope="module")
def agreed(tmp_path_factory):
    """A function that reads a text, holds what it gives to what DVC's reader gives, and returns it, or REFUSED."""
    path = tmp_path_factory.mktemp("yaml") / "any.yaml"

    def read(text: str) -> object:
        path.write_bytes(text.encode())
        try:
            ours = read_yaml(path)
        except ParameterError as error:
            assert str(error).startswith(f"{path}: ") and "\n" not in str(error)
            return REFUSED
        try:
            theirs = load_yaml(path)
        except Exception:  # it has many kinds of them
            return ours
        # The types, too: 1, 1.0 and True are equal, but are written differently. DVC's reader makes {} of what is empty.
        assert repr(ours or {}) == repr(theirs), text
        return ours

    return read


# What has a type of its own in YAML 1.1, in 1.2 or in a reader that mixes them, and what looks like it.
PLAIN_WORDS = """
~ null Null NULL nULL none true True TRUE tRUE false False FALSE yes Yes YES no No NO on On off OFF y Y n N
.inf .Inf .INF -.inf +.inf .iNF inf -inf infinity .nan .NaN .NAN -.nan +.nan nan
0 -0 +0 00 007 08 0o17 0O17 -0o17 0x1F 0X1f -0x1F 0b11 -0b11 0o 0x 0o9 9007199254740993
1_000 _1 1_ -_1 +_1_ 1__0 0_7 0x_1F 0o_7 1_000.5 ._5 -._5 1_e3 1e_3 _ -_ - + . = <<
1e3 1E3 1e-3 1e+3 -1e3 1.e3 1. -1. .5 -.5 +.5 .5e3 -.5E3 .5e-3 .5e+3 1e e3 1e400 -1e400
1:30 -1:30 1:30:00 1:30.5 190:20:30 1,000 1.2.3 --1 +-1 0.1. １ ٣ .٣ é
2026-01-31 2026-1-31 2026-99-99 2026-01-31T10:00:00Z 2026-01
"""
QUOTED_WORDS = r"""'a' "a" '1' "1" '' "" '~' "true" '<<' "1e3" 'it''s' "\x41\n\u00e9" "\/" '2026-01-31' "1_0" '='"""
WORDS = [*PLAIN_WORDS.split(), "", "a word", "9" * 5000, "2026-01-31 10:00:00.5 +02:00", "2026-01-31 t"]
WORDS += [*QUOTED_WORDS.split(), "! '1_0'", "'a\n  b'", '"a\n\n  b"']
# What is no word, or hardly one.
ODD_WORDS = "? # @a `a %a !a &a *a *b | > [] {} 'a'b 'a a'"
ODD = [*ODD_WORDS.split(), "a: b", "a #b", "&a 1", "- a", "'a' b"]

NUMBER = r"[-+]?[0-9_]{0,3}\.?[0-9_]{0,3}([eE][-+]?[0-9_]{0,2})?"
IN_ANOTHER_BASE = r"[-+]?0[xobXOB]?_?[0-9a-fA-F_]{0,4}"
IN_BASE_60 = r"[-+]?[0-9]{1,3}(:[0-9]{1,2}){1,2}(\.[0-9]{0,2})?"
DATE = r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"
TIME = r"([Tt]|[ \t]{1,2})[0-9]{1,2}:[0-9]{1,2}:[0-9]{2}(\.[0-9]{0,2})? ?(Z|[-+][0-9]{1,2}(:[0-9]{2})?)?"
FORMS = [NUMBER, IN_ANOTHER_BASE, IN_BASE_60, DATE, DATE + TIME]
VALUES = st.sampled_from(WORDS) | st.one_of(*(st.from_regex(form, fullmatch=True) for form in FORMS))

TAGS = "null bool int float str binary timestamp merge value set omap pairs seq map python/name:os.getcwd"
PREFIXES = ["!", "!own", "!<tag:yaml.org,2002:int>", "&a", "&a !!str", *(f"!!{tag}" for tag in TAGS.split())]
ANYTHING = (
    VALUES
    | st.builds("{} {}".format, st.sampled_from(PREFIXES), VALUES)
    | st.sampled_from(ODD)
    | st.text("0123456789_+-.eExob", max_size=6)
    | st.text("01eE+-._xo~<>=:?,#&*!|%@`'\"\\[]{} \t", max_size=6)
)

KEYS = st.sampled_from(["a", "b", "c d", "<<", "1", "1.0", "true", "~", "'1'", "0x1", "*a", "? e", "[f]", ""])
LEAVES = VALUES | st.sampled_from(["*a", "*b", "!!str a", "!!int 1", "! '1_0'"])
BLOCK_SCALARS = st.builds(
    lambda header, lines: header + "".join(f"\n{line and '    '}{line}" for line in lines),
    st.sampled_from(["|", ">", "|-", ">+", "|1"]),
    st.lists(st.sampled_from(["1", "true", "", "a word", " more"]), min_size=1, max_size=3),
)


def flow(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Mappings and sequences in braces and brackets."""
    pairs = st.lists(st.builds("{}: {}".format, KEYS, inner), max_size=3)
    return pairs.map(lambda each: f"{{{', '.join(each)}}}") | st.lists(inner, max_size=3).map(
        lambda each: f"[{', '.join(each)}]"
    )


def block(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Mappings and sequences in lines of their own, some of them with an anchor or a tag."""

    def lines(start: str, beginnings: list[str], values: list[str]) -> str:
        return start + "".join(f"\n{first} {value}" for first, value in zip(beginnings, values)).replace("\n", "\n  ")

    starts = st.sampled_from([*[""] * 6, "&b", "!!map", "!!seq", "!!set", "!!omap"])
    keys = st.lists(KEYS.map("{}:".format), min_size=3, max_size=3)
    return st.builds(lines, starts, keys | st.just(["-"] * 3), st.lists(inner, min_size=1, max_size=3))


TREES = st.recursive(LEAVES | BLOCK_SCALARS | st.recursive(LEAVES, flow, max_leaves=5), block, max_leaves=8)
OPENINGS = ["", "---\n", "%YAML 1.1\n---\n", "%YAML 1.2\n---\n", "# a comment\n", "\ufeff"]
FIRST = ["", "first: &a {b: 1}\n", "first: &a [1, b]\n", "first: &a 1\n"]
ENDINGS = ["\n", "\n", "", "\n...\n", "\r\n", "  # a comment\n", "\nlast: *a\n", "\nfirst: 1\n", "\n---\nb: 1\n"]
DOCUMENTS = st.builds(
    "{}{}then: {}{}".format, st.sampled_from(OPENINGS), st.sampled_from(FIRST), TREES, st.sampled_from(ENDINGS)
)


@pytest.mark.parametrize("word", WORDS + ODD, ids=lambda word: repr(word[:20]))
def test_each_word_of_note_is_read_as_dvc_reads_it_or_refused(agreed, word):
    for text in (f"key: {word}\n", f"{word}: value\n", f"[{word}]\n", f"{{a: {word}}}\n", word):
        agreed(text)


@settings(max_examples=500)
@given(ANYTHING)
def test_any_scalar_is_read_as_dvc_reads_it_or_refused(agreed, scalar):
    agreed(f"key: {scalar}\n")


@settings(max_examples=300)
@given(DOCUMENTS)
@example("a: &a {b: 1}\nc: {<<: *a}\n")
def test_any_document_is_read_as_dvc_reads_it_or_refused(agreed, document):
    agreed(document)


@pytest.mark.parametrize(
    ("word", "value"),
    [
        *(("1e-3", 0.001), ("1e3", 1000.0), (".5", 0.5), (".5e-3", 0.0005), ("1.", 1.0), ("-.inf", -math.inf), ("-0.0", -0.0)),
        *(("010", 10), ("0o17", 15), ("0x1F", 31), ("+1", 1), ("true", True), ("~", None), ("", None), ("'1'", "1")),
        *(("yes", "yes"), ("on", "on"), ("1:30", "1:30"), ("[1, a]", [1, "a"]), ("{a: {b: 1}}", {"a": {"b": 1}})),
    ],
)
def test_what_everybody_writes_is_not_refused(agreed, word, value):
    assert repr(agreed(f"key: {word}\n")) == repr({"key": value})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\na: 2", "duplicate key 'a' at line 2, column 1"),
        ("1: a\n1.0: b", "duplicate key 1.0"),
        ("a: 1_000", "1_000 may be a number"),
        ("a: 2026-01-31", "2026-01-31 may be a number, a date"),
        ("a: .5e3", ".5e3 may be a number"),
        ("a: &a {b: 1}\nc: {<<: *a}", "<< may be a number, a date, a merge key"),
        ("a: !!bool yes", "the tag tag:yaml.org,2002:bool: write the value without one"),
        ("[a]: 1", "a key that is no scalar"),
        ("a: *b", "undefined alias"),
        ("a: \x01", "control characters are not allowed at position 3"),
    ],
)
def test_what_would_be_read_in_two_ways_is_refused_in_one_line(tmp_path, text, message):
    path = tmp_path / "any.yaml"
    path.write_text(text)
    with pytest.raises(ParameterError) as error:
        read_yaml(path)
    assert str(error.value).startswith(f"{path}: not valid YAML: ") and message in str(error.value)
    assert "\n" not in str(error.value)
