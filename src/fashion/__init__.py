"""The library: what the stages, the tools and the studies share; it imports none of them.

Importing it first of all records the code that the program is made of (`fashion.pipeline.code`).
"""

import sys
from importlib.util import find_spec
from pathlib import Path

HERE, LOCAL = Path(__file__).resolve().parent, Path("src/fashion").resolve()
if LOCAL.is_dir() and LOCAL != HERE:
    raise SystemExit(f"error: {sys.executable} finds another clone's library, {HERE}; activate the .venv of this one")
if not all(map(find_spec, ("jinja2", "keras", "matplotlib", "numpy", "PIL", "pydantic", "tensorflow", "tqdm", "yaml"))):
    raise SystemExit(
        f"error: {sys.executable} lacks the packages of requirements.lock: run `make`, then `source .venv/bin/activate`"
    )

from fashion.pipeline import code as code
