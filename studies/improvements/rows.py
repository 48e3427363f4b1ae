"""The rows of the study: recipes/seed.yaml, with some changes."""

import sys
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from fashion import params
from fashion.errors import ParameterError

RECIPE = Path("recipes/seed.yaml")
HERE = Path("studies/improvements")
SEED_ROW = "seed"


class Row(NamedTuple):
    """A row of the study.

    Attributes:
        group: which of the ten improvements it is an example of: the comment on top of its file.
        title: what it changes.
        params: the recipe, changed.
    """

    group: str
    title: str
    params: params.Params


def read(name: str) -> Row:
    """Read rows/NAME.yaml.

    Raises:
        ParameterError: there is no such file, or it is none, or the changed recipe is wrong.
    """
    path = HERE / f"rows/{name}.yaml"
    row, recipe = params.read_yaml(path), params.read_yaml(RECIPE)
    group = path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
    try:
        return Row(group, row["title"], params.Params.model_validate(params.merge(recipe, row["changes"])))
    except (TypeError, KeyError) as error:
        raise ParameterError(f"{path}: not a row with title and changes ({' '.join(str(error).split())})") from None
    except ValidationError as error:
        raise ParameterError(f"{path}: {params.describe(error)}") from None
