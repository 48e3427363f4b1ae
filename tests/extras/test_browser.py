"""The pages that people look at, in a real browser: the results page and those of `dvc plots`."""

import os
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

# .ci/run names the browser, so that there its absence is a failure.
BROWSER = os.environ.get("CHROMIUM") or shutil.which("chromium")
pytestmark = pytest.mark.skipif(BROWSER is None, reason="Chromium is not installed")
# Screenshots are kept here, to be looked at.
SCREENSHOTS = Path(__file__).resolve().parents[2] / "screenshots"


def browse(page: Path, name: str, width: int = 1280, height: int = 4000) -> str:
    """Open a page without a network, keep a screenshot, and return the document as it is after all scripts have run."""
    SCREENSHOTS.mkdir(exist_ok=True)
    options = [
        *("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--allow-file-access-from-files"),
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
    assert not faults and "data-fault" not in done.stdout, faults or Tags(done.stdout).all("html")
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


# Notes what a script logs as an error; warnings are the chart library's own business.
RECORDER = """<script>
  console.error = (...words) => { document.documentElement.dataset.fault = words.join(" "); };
  window.addEventListener("unhandledrejection", (event) => console.error(event.reason));
</script>"""


def with_local_charts(directory: Path) -> Path:
    """Let a page of DVC's use the chart library from a file beside it instead of the network's."""
    import vl_convert

    globals_ = "window.vega = vega; window.vegaLite = vegaLite; window.vegaEmbed = vegaEmbed;"
    (directory / "charts.js").write_text(vl_convert.javascript_bundle(globals_, vl_version="5.8"), encoding="utf-8")
    page = directory / "index.html"
    text = page.read_text(encoding="utf-8")
    local, count = re.subn(r'<script src="https://cdn[^"]*"></script>\s*', "", text)
    assert count == 3
    # The bundle is a module, which runs after the page's own scripts: those have to wait for it.
    local, count = re.subn(r'<script type ?= ?"text/javascript">', '<script type="module">', local)
    assert count
    local = local.replace("<head>", f"<head>{RECORDER}").replace(
        "</head>", '<script type="module" src="charts.js"></script></head>'
    )
    page.write_text(local, encoding="utf-8")
    return page


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
    "Accuracy of each epoch",
    "Cross-entropy loss of each epoch",
    "F1 of each class, test images",
    "Confusion matrix, test images",
]


def test_the_plots_of_the_pipeline(trained, tmp_path):
    trained.dvc("plots", "show", "--out", str(tmp_path / "plots"))
    page = with_local_charts(tmp_path / "plots")
    assert_charts_are_drawn(browse(page, "plots_show"), page, TITLES)


def test_the_plots_of_two_revisions_overlay(trained, tmp_path):
    trained.dvc("plots", "diff", "HEAD", "--out", str(tmp_path / "plots"))
    page = with_local_charts(tmp_path / "plots")
    assert_charts_are_drawn(browse(page, "plots_diff"), page, TITLES)
    text = page.read_text(encoding="utf-8")
    assert '"HEAD"' in text and '"workspace"' in text


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
