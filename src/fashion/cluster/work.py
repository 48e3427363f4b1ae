"""Which stages can run now."""

import json
import re
from collections import defaultdict
from collections.abc import Collection
from typing import NamedTuple

from fashion import dvc

EDGE = re.compile(r'^"(.+)" -> "(.+)";$', re.MULTILINE)


class Work(NamedTuple):
    """A stage that can run now.

    Attributes:
        address: as DVC takes it, such as `train@model` or `studies/seeds/dvc.yaml:table`.
        parents: the stages and .dvc files whose outputs it reads, likewise.
    """

    address: str
    parents: list[str]


def find_work(targets: Collection[str]) -> list[Work]:
    """Return the stages that `dvc repro` would run now and whose inputs are there: none that they depend on has changed.

    Args:
        targets: stages or dvc.yaml files; the stages that they depend on count, too.

    Raises:
        UserError: DVC does not know a target.
    """
    changed = json.loads(dvc.ask("status", "--json", "--with-deps", *targets))
    parents = defaultdict(list)
    for parent, child in EDGE.findall(dvc.ask("dag", "--dot")):
        parents[child].append(parent)

    def ancestors(address: str) -> set[str]:
        return set(parents[address]).union(*map(ancestors, parents[address]))

    return [Work(address, parents[address]) for address in changed if not changed.keys() & ancestors(address)]
