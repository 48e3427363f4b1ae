"""YAML as DVC reads it: version 1.2, in which `1e-3` is a number, `yes` a word and a key given twice an error.

PyYAML reads version 1.1. Here its parser gets the core schema of version 1.2 (https://yaml.org/spec/1.2.2/#103-core-schema).
"""

import math
import re
from pathlib import Path
from typing import Any, ClassVar

import yaml

from fashion.pipeline.errors import ParameterError

TAG = "tag:yaml.org,2002:"
# The type of a plain word, the form that it has, and what it may begin with ("" is the empty word).
CORE_SCHEMA = (
    ("null", r"null|Null|NULL|~|", ["n", "N", "~", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", [*"tTfF"]),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", [*"-+0123456789"]),
    (
        "float",
        r"[-+]?[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?|[-+]?\.[0-9]+([eE][-+][0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        [*"-+.0123456789"],
    ),
)
# What is a number, a date or a merge key to DVC's reader and a word in the core schema; and .5e3, with which it is the reverse.
# They are refused, so that no value means two things.
AMBIGUOUS = (
    "ambiguous",
    r"[-+]?0b[01_]+|[-+]?0[ox][0-9a-fA-F_]+|[-+][0-9_]+|[-+]?[0-9][0-9_]*(\.[0-9_]*)?([eE][-+]?[0-9]+)?"
    r"|[-+]?\.[0-9_]+([eE][-+]?[0-9]+)?|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(([Tt]|[ \t]).*)?|<<",
    [*"-+.0123456789<"],
)


class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """PyYAML's safe loader with the types of YAML 1.2."""

    yaml_implicit_resolvers: ClassVar[dict] = {}

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Refuse a tag, such as !!float, that gives a value another type than it has without one."""
        style = getattr(node, "style", None)
        if node.tag != self.resolve(type(node), node.value, (not style, True)):
            raise refusal(f"the tag {node.tag}: write the value without one", node)
        return super().construct_object(node, deep)

    def construct_mapping(self, node: yaml.Node, deep: bool = False) -> dict:
        """Refuse keys that are given twice."""
        seen = set()
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise refusal("a key that is no scalar", key_node)
            key = self.construct_object(key_node)
            if key in seen:
                raise refusal(f"duplicate key {key!r}", key_node)
            seen.add(key)
        return super().construct_mapping(node, deep)

    def construct_number(self, node: yaml.ScalarNode) -> int:
        """Return a whole number."""
        return int(node.value, {"0o": 8, "0x": 16}.get(node.value[:2], 10))

    def construct_decimal(self, node: yaml.ScalarNode) -> float:
        """Return a number with a point or an exponent."""
        word = node.value.lower()
        if word.endswith((".inf", ".nan")):
            return -math.inf if word.startswith("-") else float(word.lstrip("+")[1:])
        return float(word)

    def refuse_ambiguous(self, node: yaml.ScalarNode) -> None:
        """Refuse what DVC takes for something else."""
        raise refusal(f"{node.value} may be a number, a date, a merge key or a word: write it plainly, or quote it", node)


def refusal(reason: str, node: yaml.Node) -> yaml.YAMLError:
    """Return the error that says what is wrong with a value, and where."""
    return yaml.constructor.ConstructorError(None, None, reason, node.start_mark)


for kind, form, beginnings in (*CORE_SCHEMA, AMBIGUOUS):
    Loader.add_implicit_resolver(TAG + kind, re.compile(rf"(?:{form})\Z"), beginnings)
Loader.add_constructor(TAG + "int", Loader.construct_number)
Loader.add_constructor(TAG + "float", Loader.construct_decimal)
Loader.add_constructor(TAG + "ambiguous", Loader.refuse_ambiguous)


def read_yaml(path: Path) -> Any:
    """Read a YAML file.

    Raises:
        ParameterError: it is missing or not YAML.
    """
    try:
        return yaml.load(path.read_bytes(), Loader)
    except FileNotFoundError:
        raise ParameterError(f"{path}: not found; run this in the project's top directory") from None
    except (OSError, UnicodeError) as error:
        raise ParameterError(f"{path}: cannot be read: {error}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split()).replace('in "<byte string>", ', "at ")
        raise ParameterError(f"{path}: not valid YAML: {reason}") from None
