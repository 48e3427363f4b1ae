"""The pages that people look at, in a real browser: the results page and those of `dvc plots`."""

import os
import re
import runpy
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

# .ci/run names the browser, so that there its absence is a failure.
BROWSER = os.environ.get("CHROMIUM") or shutil.which("chromium")
pytestmark = pytest.mark.skipif(BROWSER is None, reason="Chromium is not installed")
# Screenshots are kept here, to be looked at.
SCREENSHOTS = Path(__file__).resolve().parents[2] / "screenshots"


def browse(page: Path, name: str, width: int = 1280, height: int = 4000, expected_fault: str | None = None) -> str:
    """Open a page without a network, keep a screenshot, and return the document as it is after all scripts have run."""
    SCREENSHOTS.mkdir(exist_ok=True)
    options = [
        *("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
        *("--proxy-server=127.0.0.1:9", f"--window-size={width},{height}", "--virtual-time-budget=20000"),
    ]
    done = subprocess.run(
        [
            *(BROWSER, *options, "--enable-logging=stderr", "--dump-dom"),
            f"--screenshot={SCREENSHOTS / name}.png",
            page.resolve().as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    faults = [line for line in done.stderr.splitlines() if "CONSOLE" in line and "Uncaught" in line]
    assert all(expected_fault is not None and expected_fault in line for line in faults), faults
    assert (SCREENSHOTS / f"{name}.png").stat().st_size > 10_000
    return done.stdout


class Tags(HTMLParser):
    """The tags of a document, with their attributes."""

    def __init__(self, document: str):
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(document)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attributes)))

    def all(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.found if tag == name]


@pytest.fixture(scope="module")
def project(tmp_path_factory, root) -> Path:
    """A directory whose environment has the chart library, as `make extras` leaves it."""
    directory = tmp_path_factory.mktemp("project")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "prefix", str(directory / ".venv"))
        patch.setattr(sys, "argv", ["tools/charts.py"])
        runpy.run_path(str(root / "tools/charts.py"), run_name="__main__")
    return directory


def assert_charts_are_drawn(document: str, page: Path, titles: list[str]) -> None:
    """Each chart has its canvas, and each picture its file."""
    tags, source = Tags(document), page.read_text(encoding="utf-8")
    charts = source.count("vegaEmbed(")
    canvases = [canvas for canvas in tags.all("canvas") if "marks" in (canvas.get("class") or "")]
    assert len(canvases) == charts >= len(titles)
    assert all(int(canvas["width"]) > 100 and int(canvas["height"]) > 100 for canvas in canvases)
    for title in titles:
        assert title in source
    for picture in tags.all("img"):
        assert (page.parent / picture["src"]).stat().st_size > 1000


TITLES = [
    "Learning curves of model",
    "Learning curves of second",
    "F1 of each class, test images",
    "Confusion matrix, test images",
]


def test_the_plots_of_an_ensemble_are_drawn_without_a_network(trained, project):
    page = project / "dvc_plots/index.html"
    trained.dvc("plots", "show", "--out", str(page.parent))
    assert_charts_are_drawn(browse(page, "plots_show"), page, TITLES)


def test_the_plots_of_two_revisions_overlay(trained, project):
    page = project / "diff/index.html"
    trained.dvc("plots", "diff", "HEAD", "--out", str(page.parent))
    assert_charts_are_drawn(browse(page, "plots_diff"), page, TITLES)
    text = page.read_text(encoding="utf-8")
    assert '"HEAD"' in text and '"workspace"' in text


def test_an_environment_without_the_chart_library_asks_the_network_for_it(trained, tmp_path):
    trained.dvc("plots", "show", "--out", str(tmp_path / "dvc_plots"))
    document = browse(tmp_path / "dvc_plots/index.html", "plots_network", expected_fault="vegaEmbed is not defined")
    asked = Tags(document.partition("</template>")[2]).all("script")
    found = [re.match(r"https://\S+/(vega\S*)@", script["src"]) for script in asked if "src" in script]
    assert [address[1] for address in found] == ["vega", "vega-lite", "vega-embed"]


@pytest.mark.parametrize(("name", "width"), [("page_wide", 1280), ("page_phone", 500)])
def test_the_results_page(name, width, root):
    tags = Tags(browse(root / "reports/index.html", name, width))
    assert all(picture["src"].startswith("data:image/png;base64,") for picture in tags.all("img"))
    assert all(len(picture["alt"] or "") > 30 for picture in tags.all("img"))
    assert tags.all("html")[0]["lang"] == "en"
    assert not tags.all("script")
    targets = {attributes["id"] for _, attributes in tags.found if "id" in attributes}
    links = [link["href"] for link in tags.all("a")]
    assert links and {link.removeprefix("#") for link in links} <= targets
    # Every section is named by its heading, and can be reached from the top.
    headings = [heading["id"] for heading in tags.all("h2")]
    assert headings == [section["aria-labelledby"] for section in tags.all("section")]
    assert [f"#{heading}" for heading in headings] == [link for link in links if link != "#main"]
    # Everything that scrolls can be reached by keyboard and has a name for a screen reader.
    scrolling = [attributes for _, attributes in tags.found if attributes.get("class") == "scroll"]
    assert scrolling and all(one["tabindex"] == "0" and one["aria-label"] for one in scrolling)
    assert len(tags.all("h1")) == 1


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_the_results_page_fits_its_window(width, root):
    """Only boxes scroll sideways, also when everything that is folded is open."""
    from chromium import browser  # it imports this file

    with browser() as page:
        page.open((root / "reports/index.html").as_uri(), width, 800, touch=width < 500)
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        assert page.evaluate("document.documentElement.scrollWidth") == width
        outside = "[...document.querySelectorAll('main *')].filter((one) => !one.closest('.scroll'))"
        assert page.evaluate(f"{outside}.every((one) => one.getBoundingClientRect().right <= {width + 1})")
        assert not page.faults
