"""The results page and the model card, rendered from their templates."""

import base64
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from fashion import paths
from fashion.pipeline.files import write_text
from fashion.reporting.content import percent

TEMPLATES = Path(__file__).parent / "templates"
PAGES = {"report.html": paths.PAGE, "model_card.md": paths.MODEL_CARD}


def data_uri(path: Path) -> str:
    """Return a PNG file as an address that holds it, so that the page needs no other file."""
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()


def write_pages(content: dict[str, Any]) -> None:
    """Write the page and the card: both, or neither when something that they show is missing.

    Args:
        content: what `fashion.reporting.content.collect` returns.
    """
    templates = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    templates.filters |= {"percent": percent, "data_uri": data_uri}
    rendered = {path: templates.get_template(name).render(content) for name, path in PAGES.items()}
    for path, text in rendered.items():
        write_text(path, text)
