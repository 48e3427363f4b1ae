"""The files of an ensemble: one a member in a directory, and nothing else."""

from collections.abc import Iterable
from pathlib import Path

from fashion.errors import UserError


def files(directory: Path, suffix: str, members: Iterable[str]) -> dict[str, Path]:
    """Return each member's file in `directory`, in the members' order. Hidden files do not count.

    Raises:
        UserError: a member's file is missing, or a file belongs to no member.
    """
    expected = {member: directory / f"{member}{suffix}" for member in members}
    present = {path for path in directory.glob("*") if not path.name.startswith(".")}
    for path in sorted(present - set(expected.values())):
        raise UserError(f"{path}: belongs to no member of `ensemble` in params.yaml; delete it")
    for path in expected.values():
        if path not in present:
            raise UserError(f"{path}: missing; run `dvc repro`")
    return expected
