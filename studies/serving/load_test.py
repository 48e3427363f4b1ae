"""Measure tools/serve.py under load: clients that each send the next picture when the last one is answered. -> table.md

The clients are threads of this program, on the machine that serves. The pictures are a test image as it is, and the same as a
photograph of 12 megapixels. Beside them: the network alone, and all that is done for a picture, without a server.
"""

import argparse
import contextlib
import http.client
import io
import itertools
import statistics
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import numpy as np
from PIL import Image

from fashion import paths
from fashion.clones import clean_commit
from fashion.data.images import load_images, refuse_other_data
from fashion.inference import photo
from fashion.options import at_least
from fashion.pipeline import tables
from fashion.pipeline.errors import UserError, one_line_errors
from fashion.pipeline.files import write_text
from fashion.pipeline.machine import describe_machine
from fashion.serving.work import Classifier

TABLE = Path("studies/serving/table.md")
CLIENTS = (1, 8, 32)
STARTS = 5
SERVER = [sys.executable, "tools/serve.py", "--port", "0"]
PHOTOGRAPH = (4000, 3000)
WIDTH = 120


class Load(NamedTuple):
    """What was measured in some seconds: requests a second, and milliseconds of each request."""

    rate: float
    milliseconds: list[float]


def photograph(image: np.ndarray) -> Image.Image:
    """Return a test image as a photograph: a dark garment on a light wall, with a camera's noise."""
    width, height = PHOTOGRAPH
    garment = Image.fromarray(image).resize((height * 3 // 4,) * 2, Image.Resampling.BICUBIC)
    wall = Image.new("L", PHOTOGRAPH, 230)
    wall.paste(Image.eval(garment, lambda level: 230 - level * 200 // 255), ((width - garment.width) // 2, height // 8))
    noise = np.random.default_rng(0).normal(0, 4, (height, width, 3))
    return Image.fromarray(np.clip(np.asarray(wall)[..., None] + noise, 0, 255).astype(np.uint8))


def make_pictures() -> dict[str, bytes]:
    """Return the files to send, by what they are called."""
    image = load_images(paths.TEST).images[0]
    small, large = io.BytesIO(), io.BytesIO()
    Image.fromarray(image).save(small, "PNG")
    photograph(image).save(large, "JPEG", quality=90)
    return {
        "test image, 28 x 28, PNG": small.getvalue(),
        f"photograph, {PHOTOGRAPH[0]} x {PHOTOGRAPH[1]}, JPEG of {len(large.getvalue()) / 1e6:.1f} MB": large.getvalue(),
    }


@contextlib.contextmanager
def serving() -> Iterator[tuple[str, float]]:
    """Run the server until the end of the block, and give its address and the seconds until it answered.

    Raises:
        UserError: it did not start.
    """
    started = time.monotonic()
    process = subprocess.Popen(SERVER, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        address, _, _ = process.stdout.readline().partition(" ")
        if not address:
            raise UserError(f"{' '.join(SERVER[1:])} failed:\n{process.stderr.read()}")
        request(connect(address), "GET", "/health")
        yield address, time.monotonic() - started
    finally:
        process.terminate()
        process.communicate()


def connect(address: str) -> http.client.HTTPConnection:
    """Return a connection to the server."""
    return http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)


def request(connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None = None) -> None:
    """Send a request and read the answer.

    Raises:
        UserError: it is an error.
    """
    connection.request(method, path, body)
    answer = connection.getresponse()
    content = answer.read()
    if answer.status != 200:
        raise UserError(f"{path}: {answer.status} {content.decode()}")


def repeat(work: Callable[[], None], seconds: float) -> list[float]:
    """Do something again and again, and return how long each time took, milliseconds."""
    milliseconds = []
    end = time.perf_counter() + seconds
    while (started := time.perf_counter()) < end:
        work()
        milliseconds.append(1000 * (time.perf_counter() - started))
    return milliseconds


def measure_clients(address: str, picture: bytes, clients: int, seconds: float) -> Load:
    """Let some clients at once send a picture again and again."""
    ready = threading.Barrier(clients)
    found: list[list[float]] = []

    def client() -> None:
        connection = connect(address)
        ready.wait()
        found.append(repeat(lambda: request(connection, "POST", "/predict", picture), seconds))

    threads = [threading.Thread(target=client) for _ in range(clients)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(found) < clients:
        raise UserError("a client failed; what it said is above")
    milliseconds = list(itertools.chain(*found))
    return Load(len(milliseconds) / (time.monotonic() - started), milliseconds)


def alone(work: Callable[[], None], seconds: float) -> Load:
    """Do something again and again in this program."""
    milliseconds = repeat(work, seconds)
    return Load(1000 * len(milliseconds) / sum(milliseconds), milliseconds)


def measure(address: str, pictures: dict[str, bytes], classifier: Classifier, seconds: float) -> dict[tuple[str, str], Load]:
    """Return what was measured in one round, by the picture and what was done with it."""
    found = {}
    for name, picture in pictures.items():
        image = photo.make_garment(photo.open_picture(io.BytesIO(picture))).image[None]
        found[name, "network alone"] = alone(lambda image=image: classifier.classify(image), seconds)
        found[name, "without a server"] = alone(lambda picture=picture: classifier(picture, None, False), seconds)
        for clients in CLIENTS:
            what = f"{clients} client{'s' if clients > 1 else ''}"
            found[name, what] = measure_clients(address, picture, clients, seconds)
    return found


def table(rounds: list[dict[tuple[str, str], Load]]) -> str:
    """Return the table: the median of the rounds."""
    rows, last = [], None
    for name, what in rounds[0]:
        loads = [each[name, what] for each in rounds]
        median, high = (statistics.median(np.percentile(load.milliseconds, percent) for load in loads) for percent in (50, 99))
        rows.append(
            {
                "picture": name if name != last else "",
                "": what,
                "requests a second": f"{statistics.median(load.rate for load in loads):,.0f}",
                "median, ms": f"{median:.2f}",
                "99th percentile, ms": f"{high:.2f}",
            }
        )
        last = name
    return tables.markdown(rows)


def main(count: int, seconds: int) -> None:
    """Measure, and write the table.

    Raises:
        UserError: the data set is your own, there is no current export, the server failed, or the tree has uncommitted changes.
    """
    refuse_other_data(paths.TEST)
    commit = clean_commit()
    classifier, pictures = Classifier(), make_pictures()
    starts = []
    for _ in range(STARTS):
        with serving() as (_, start):
            starts.append(start)
    with serving() as (address, _):
        rounds = [measure(address, pictures, classifier, seconds) for _ in range(count)]
    machine = describe_machine()
    words = (
        f"Commit {commit}, {count} rounds of {seconds} s, median; the clients share the machine's {machine['threads']} "
        f"processors. From the start to the first answer: {statistics.median(starts):.2f} s (median of {STARTS}, at most "
        f"{max(starts):.2f}). {machine['cpu']}."
    )
    write_text(TABLE, f"{table(rounds)}\n\n{chr(10).join(textwrap.wrap(words, WIDTH))}\n")
    print(f"-> {TABLE}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=at_least(1), default=3, help="how often everything is measured (default 3)")
    parser.add_argument("--seconds", type=at_least(1), default=5, help="of each measurement (default 5)")
    words = parser.parse_args()
    with one_line_errors():
        main(words.rounds, words.seconds)
