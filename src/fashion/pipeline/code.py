"""The code of this project as it was when the program started, before the rest of it was imported."""

import hashlib
import sys
from pathlib import Path

SOURCE_ROOT = Path(__file__).resolve().parents[2]


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, 64 hexadecimal digits, or "" if it is gone."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return ""


PROGRAM = Path(sys.argv[0]).resolve()
AT_START = {path: digest(path) for path in sorted({*SOURCE_ROOT.rglob("*.py"), *PROGRAM.parent.glob("*.py")})}


def imported() -> dict[Path, str]:
    """Return the digest that each file of the program had at its start: the script, and every module of ours it imported."""
    files = {Path(module.__file__).resolve() for module in list(sys.modules.values()) if getattr(module, "__file__", None)}
    return {path: value for path, value in AT_START.items() if path in files}


def edited() -> list[Path]:
    """Return those files of the program that are no longer what they were at its start."""
    return [path for path, value in imported().items() if digest(path) != value]
