"""The library: what the stages, the tools and the studies share; it imports none of them.

Importing it first of all records the code that the program is made of (`fashion.pipeline.code`).
"""

import sys
from importlib.util import find_spec

if not all(map(find_spec, ("numpy", "pydantic", "yaml"))):
    raise SystemExit(
        f"error: {sys.executable} lacks the packages of requirements.lock: run `make`, then `source .venv/bin/activate`"
    )

from fashion.pipeline import code as code
