"""tools/serve.py: what it answers, whom it refuses, and what it stands."""

import base64
import contextlib
import hashlib
import http.client
import io
import json
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest
from chromium import Page, browser
from conftest import ROOT, Clone
from PIL import Image
from small_training import official
from test_browser import BROWSER, SCREENSHOTS

from fashion import paths
from fashion.data import release
from fashion.data.facts import CLASS_NAMES

SECONDS = 30


class Reply(NamedTuple):
    """An answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    def error(self) -> str:
        """What is wrong, which is said in a line of JSON and nothing else."""
        assert self.body.count(b"\n") == 1 and self.body.endswith(b"\n")
        (error,) = json.loads(self.body).values()
        return error


def ask(url: str, path: str = "/predict", body: bytes | None = None, method: str = "POST", **headers: str) -> Reply:
    """Send a request and return the answer."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=SECONDS)
    with contextlib.closing(connection):
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())


def open_socket(url: str, content: bytes) -> socket.socket:
    """Connect to the server and send it something, as it is."""
    address = urlsplit(url)
    client = socket.create_connection((address.hostname, address.port), timeout=SECONDS)
    client.sendall(content)
    return client


def png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


@contextlib.contextmanager
def serving(clone: Clone, *words: str) -> Iterator[tuple[str, subprocess.Popen]]:
    """Run the program in a clone until the end of the block, and give its address."""
    process = subprocess.Popen(
        [".venv/bin/python", *words, "tools/serve.py", "--port", "0"],
        cwd=clone.path,
        env=clone.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Where a shell runs the tests in the background, it has programs ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        line = process.stdout.readline()
        assert line.startswith("http://127.0.0.1:"), line + process.stderr.read()
        yield line.split()[0], process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def exported(ran) -> Iterator[Clone]:
    """The clone where the pipeline has run, with an export as long as these tests take."""
    done = ran.run(".venv/bin/python", "tools/export.py", "--format", "onnx")
    assert done.returncode == 0, done.stderr
    yield ran
    for path in (ran.path / paths.EXPORTED).iterdir():
        path.unlink()
    (ran.path / paths.EXPORTED).rmdir()


@pytest.fixture(scope="module")
def url(exported) -> Iterator[str]:
    with serving(exported) as (address, _):
        yield address


@pytest.fixture(scope="module")
def pictures(raw) -> list[bytes]:
    """Test images, as they are and as dark garments on a light background."""
    images = [Image.fromarray(image) for image in official(raw, release.read_test_set).images[:16]]
    large = []
    for image in images:
        frame = Image.new("L", (900, 800), 250)
        frame.paste(Image.eval(image.resize((560, 560)), lambda level: 250 - level * 250 // 255), (200, 60))
        large.append(frame)
    return [png(image) for image in (*images, *large)]


@pytest.fixture
def serve_with() -> Iterator[Callable[..., str]]:
    """A function that runs the server in this process with something else that classifies, and returns its address."""
    from fashion.serving import server

    running = []

    def start(classify: Callable[..., dict]) -> str:
        listening = server.listen("127.0.0.1", 0)
        program = server.make_server(classify, ["Tops & <shirts>", *CLASS_NAMES[1:]])
        thread = threading.Thread(target=program.run, kwargs={"sockets": [listening]})
        thread.start()
        running.append((program, thread))
        return server.url_of(listening)

    yield start
    for program, thread in running:
        program.should_exit = True
        thread.join()


def test_the_answer_is_what_predict_says(url, exported, pictures, tmp_path):
    (tmp_path / "picture.png").write_bytes(pictures[1])
    for query, words in {
        "": [],
        "?background=dark": ["--background", "dark"],
        "?background=light": ["--background", "light"],
    }.items():
        with (tmp_path / "picture.png").open("rb") as file:
            said = subprocess.run(
                [".venv/bin/python", "tools/predict.py", "--json", "-", *words],
                cwd=exported.path,
                env=exported.environment,
                stdin=file,
                check=True,
                capture_output=True,
            )
        answer = ask(url, f"/predict{query}", pictures[1])
        assert answer.status == 200 and answer.headers["content-type"] == "application/json"
        assert [json.loads(answer.body)] == json.loads(said.stdout)


def test_the_page_also_gets_what_the_network_saw(url, pictures):
    answer = json.loads(ask(url, "/predict?seen&background=dark", pictures[0]).body)
    kind, _, content = answer.pop("seen").partition(",")
    assert kind == "data:image/png;base64"
    with Image.open(io.BytesIO(base64.b64decode(content))) as seen, Image.open(io.BytesIO(pictures[0])) as given:
        assert seen.size == (28, 28) and seen.tobytes() == given.tobytes()
    assert answer == json.loads(ask(url, "/predict?background=dark", pictures[0]).body)


def test_it_starts_without_tensorflow_and_ends_quietly_on_ctrl_c(exported, pictures):
    with serving(exported, "-X", "importtime") as (address, process):
        assert ask(address, "/health", method="GET").body == b'{"status": "ok"}\n'
        assert ask(address, body=pictures[0]).status == 200
        with (
            open_socket(address, b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nx"),
            open_socket(address, b""),
        ):
            process.send_signal(signal.SIGINT)
            printed, complaints = process.communicate(timeout=SECONDS / 3)  # waits for neither of them
    assert process.returncode == 130
    assert printed == ""
    assert "fashion.serving" in complaints
    # The module that imports it for all others hides what that prints.
    assert "tensorflow" not in complaints and "fashion.backend" not in complaints
    assert all(line.startswith("import time:") for line in complaints.splitlines())


def bomb(side: int) -> bytes:
    """A PNG file whose header promises more pixels than there are."""
    content = bytearray(png(Image.new("L", (8, 8))))
    content[16:24] = side.to_bytes(4, "big") * 2
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    return bytes(content)


NO_PICTURES = {
    "nothing": (b"", "an empty file"),
    "text": (b"<html>", "not a picture"),
    "half a picture": (png(Image.effect_noise((200, 200), 90))[:500], "a damaged picture"),
    "a decompression bomb": (bomb(60_000), "60000 x 60000 pixels are too many; at most 50 million"),
    "a few pixels too many": (bomb(7_072), "too many"),
    "a program that draws": (
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n%%EndComments\n",
        "EPS is a program",
    ),
    "an empty wall": (png(Image.new("RGB", (300, 200), "white")), "nothing stands out"),
}


@pytest.mark.parametrize("kind", NO_PICTURES)
def test_what_is_no_picture_is_refused_in_a_line(kind, url):
    content, message = NO_PICTURES[kind]
    answer = ask(url, body=content)
    assert answer.status == 422 and message in answer.error()


REQUESTS = {
    "another background": (400, {"path": "/predict?background=blue"}),
    "a form": (415, {"content_type": "multipart/form-data; boundary=x"}),
    "another address": (404, {"path": "/etc/passwd"}),
    "an address above": (404, {"path": "/../params.yaml", "method": "GET"}),
    "another method": (405, {"method": "GET"}),
    "a name that leads here for the moment": (421, {"host": "rebound.example:8000"}),
    "no name": (421, {"host": ""}),
    "half a name": (421, {"host": "[::1"}),
    "a page of another site": (403, {"origin": "https://other.example"}),
    "a page of another port": (403, {"origin": "http://127.0.0.1:1"}),
    "a page of a file": (403, {"origin": "null"}),
    "a length that is too large": (413, {"content_length": str(10**15)}),
}


@pytest.mark.parametrize("kind", REQUESTS)
def test_other_requests_are_refused_in_a_line(kind, url):
    status, request = REQUESTS[kind]
    answer = ask(url, **request)
    assert (answer.status, bool(answer.error())) == (status, True)
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost:8000", "[::1]:8000", "192.168.1.5", socket.gethostname()])
def test_it_goes_by_these_names(name, url):
    assert ask(url, "/health", method="GET", host=name, origin=f"http://{name}").status == 200


def test_answers_are_kept_by_nobody_and_the_page_may_do_nothing_else(url):
    page, health = (ask(url, path, method="GET") for path in ("/", "/health"))
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    for answer in (page, health):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'; script-src 'sha256-")
        assert "server" not in answer.headers
    assert b"http" not in page.body.replace(b"http-equiv", b"")  # it needs nothing from elsewhere


def test_a_body_is_refused_as_soon_as_it_is_too_long(url):
    """Its length is not announced, and it would never end."""
    part = b"100000\r\n" + bytes(1 << 20) + b"\r\n"
    with open_socket(url, b"POST /predict HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n") as client:
        for _ in range(20):
            client.sendall(part)
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("length", [b"-1", b"1e3", b"2\r\nContent-Length: 3"])
def test_a_length_that_is_none_is_refused(length, url):
    with open_socket(url, b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + length + b"\r\n\r\nxyz") as client:
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 400 ")


def test_thirty_two_clients_at_once_get_the_answers_that_one_gets(url, pictures):
    alone = [ask(url, body=picture).body for picture in pictures]
    assert len(alone) == 32 and len(set(alone)) > 8
    start = threading.Barrier(32)

    def client(number: int) -> list[bytes]:
        start.wait()
        return [ask(url, body=picture).body for picture in (pictures + pictures)[number : number + 6]]

    with ThreadPoolExecutor(32) as pool:
        for number, answers in enumerate(pool.map(client, range(32))):
            assert answers == (alone + alone)[number : number + 6]


def test_slow_clients_hold_nobody_up_and_are_dropped(serve_with, monkeypatch):
    from fashion.serving import app, server

    url = serve_with(lambda content, background, seen: {"length": len(content)})
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n"
    body = head + b"\r\nhalf"
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(open_socket(url, content)) for content in (head, body) for _ in range(70)]
        assert ask(url, body=b"quick").body == b'{"length": 5}\n'
        readable, _, _ = select.select(slow, [], [], 0)
        assert readable == []  # the quick one was answered before a slow one was, or was dropped

    monkeypatch.setattr(app, "SECONDS_TO_SEND", 0.5)
    monkeypatch.setattr(server, "SECONDS_FOR_A_REQUEST", 2)
    with open_socket(url, head) as in_the_head, open_socket(url, body) as in_the_body:
        assert in_the_body.recv(1 << 16).startswith(b"HTTP/1.1 408 ")
        with contextlib.suppress(ConnectionResetError):
            assert in_the_head.recv(1 << 16) == b""
    assert ask(url, body=b"quick").status == 200


def test_answers_do_not_wait_for_more_to_send():
    """asyncio switches that off (TCP_NODELAY) if the socket says that it is one of TCP; else each answer takes 40 ms."""
    from fashion.serving import server

    with server.listen("127.0.0.1", 0) as listening:
        assert listening.proto == socket.IPPROTO_TCP


def test_the_page_names_the_classes(serve_with):
    url = serve_with(lambda content, background, seen: {})
    assert b"ten classes apart: Tops &amp; &lt;shirts&gt;, Trouser, Pullover," in ask(url, "/", method="GET").body


def test_above_the_limit_connections_are_closed(serve_with, monkeypatch):
    from fashion.serving import server

    monkeypatch.setattr(server, "MOST_CONNECTIONS", 2)
    url = serve_with(lambda content, background, seen: {})
    with open_socket(url, b"GET "), open_socket(url, b"GET "):
        third = open_socket(url, b"")
        third.settimeout(SECONDS / 3)  # before the server drops it for being slow
        with third, contextlib.suppress(ConnectionResetError):
            assert third.recv(10) == b""
    assert ask(url, body=b"x").status == 200


@pytest.mark.parametrize(("limit", "value"), [("PLACES", 2), ("HELD_BYTES", 11)])
def test_it_says_so_when_it_is_busy(limit, value, serve_with, monkeypatch):
    from fashion.serving import app

    monkeypatch.setattr(app, limit, value)
    begun, go_on = threading.Semaphore(0), threading.Event()

    def classify(content: bytes, background: None, seen: bool) -> dict:
        begun.release()
        assert go_on.wait(SECONDS)
        return {}

    url = serve_with(classify)
    with ThreadPoolExecutor(2) as pool:
        first = [pool.submit(ask, url, body=b"hello") for _ in range(2)]
        assert begun.acquire(timeout=SECONDS) and begun.acquire(timeout=SECONDS)
        refused = ask(url, body=b"hello")
        go_on.set()
        assert [answer.result().status for answer in first] == [200, 200]
    assert (refused.status, refused.headers["retry-after"]) == (503, "1")
    assert "busy" in refused.error()
    assert ask(url, body=b"hello").status == 200


def test_a_fault_is_told_to_both_sides(serve_with, caplog):
    def classify(content: bytes, background: None, seen: bool) -> dict:
        raise {b"little": MemoryError, b"wrong": RuntimeError("the reason")}[content]

    url = serve_with(classify)
    little, wrong = ask(url, body=b"little"), ask(url, body=b"wrong")
    assert (little.status, wrong.status) == (503, 500)
    assert "not enough memory" in little.error() and "fault" in wrong.error()
    for _ in range(10 * SECONDS):  # it is written down after the answer
        if "the reason" in caplog.text:
            return
        time.sleep(0.1)
    raise AssertionError("the fault is not in the log")


def state_of(directory: Path) -> dict[str, str]:
    """The files of a directory and their bytes."""
    return {
        str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in directory.rglob("*")
        if path.is_file() and not path.is_relative_to(directory / ".venv")
    }


def test_it_writes_nothing(exported, pictures):
    with serving(exported) as (address, process):
        before = state_of(exported.path)
        for picture in pictures[:4]:
            assert ask(address, body=picture).status == 200
        for content, _ in NO_PICTURES.values():
            ask(address, body=content)
        ask(address, "/", method="GET")
        process.send_signal(signal.SIGINT)
        assert process.wait(SECONDS) == 130
    assert len(before) > 100 and state_of(exported.path) == before


@pytest.fixture
def run(monkeypatch, capfd):
    """A function that runs the program in this process, and returns its exit code and what it wrote to standard error."""

    def run(*words: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["serve.py", *words])
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(ROOT / "tools/serve.py"), run_name="__main__")
        return end.value.code, capfd.readouterr().err

    return run


def test_a_port_that_is_taken(run, url):
    port = str(urlsplit(url).port)
    assert run("--port", port) == (
        1,
        f"error: --host 127.0.0.1 --port {port}: Address already in use; name another one with --port\n",
    )


def test_where_it_cannot_listen(run):
    for host in ("nowhere.invalid", "127..0.0.1"):
        code, complaint = run("--host", host)
        assert code == 1 and complaint.startswith(f"error: --host {host}: ") and complaint.count("\n") == 1
    code, complaint = run("--port", "70000")
    assert code == 2 and complaint.endswith("argument --port: 70000 is above 65535\n")


def test_without_an_export_it_says_what_to_run(run, exported, monkeypatch):
    monkeypatch.chdir(exported.path)
    paths.ONNX.rename("elsewhere.onnx")
    try:
        code, complaint = run("--port", "0")
    finally:
        Path("elsewhere.onnx").rename(paths.ONNX)
    assert code == 1
    assert complaint == (
        "error: exported/model.onnx: missing, or not of these models; run `python tools/export.py --format onnx`\n"
    )


@pytest.mark.parametrize("package", ["starlette", "uvicorn"])
def test_without_the_extras_it_says_what_to_run(package):
    program = (
        f"import runpy, sys; sys.modules['{package}'] = None; sys.argv = ['serve.py']; "
        "runpy.run_path('tools/serve.py', run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, f"error: {package}: not installed; run `make extras`\n")


def test_an_export_of_these_models_is_not_made_again(exported):
    done = exported.run(".venv/bin/python", "tools/export.py", "--format", "onnx")
    assert (done.returncode, done.stdout) == (0, "exported/model.onnx: already that of these models\n")


WINDOWS = {"wide": (1280, 800, False), "phone": (390, 844, True)}
with_browser = pytest.mark.skipif(BROWSER is None, reason="Chromium is not installed")


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """A page in a real browser."""
    with browser() as page:
        yield page


@pytest.fixture(scope="module")
def files(pictures, tmp_path_factory) -> list[Path]:
    """The pictures as files, and last one that is none."""
    directory = tmp_path_factory.mktemp("pictures")
    for number, content in enumerate([*pictures, b"<html>"]):
        (directory / f"{number:02}.png").write_bytes(content)
    return sorted(directory.iterdir())


def assert_shown(page: Page, answer: Reply) -> None:
    """The page shows an answer, once it has it: the class, the others, their confidence, and nothing that is wrong."""
    result = json.loads(answer.body)
    classes = {result["class"]: result["confidence"], **result["others"]}
    page.wait_for(f"document.querySelector('#class').innerText === {json.dumps(result['class'])} && error.hidden")
    names = "Array.from(document.querySelectorAll('li'), (line) => line.firstChild.innerText).join()"
    page.wait_for(f"{names} === {json.dumps(','.join(classes))}")
    found = page.evaluate("Array.from(document.querySelectorAll('li'), (line) => parseFloat(line.children[1].innerText))")
    assert found == pytest.approx([100 * confidence for confidence in classes.values()], abs=0.06)


@with_browser
@pytest.mark.parametrize("window", WINDOWS)
def test_a_picture_is_chosen_dropped_and_drawn(window, page, url, pictures, files):
    page.open(url, *WINDOWS[window])
    page.choose("#file", files[1])
    assert_shown(page, ask(url, body=pictures[1]))
    page.drop(".drop", files[0])
    assert_shown(page, ask(url, body=pictures[0]))
    seen = page.evaluate("document.querySelector('#seen').src")
    assert seen == json.loads(ask(url, "/predict?seen", pictures[0]).body)["seen"]
    page.screenshot(SCREENSHOTS / f"serve_{window}.png")
    # Taken for what the picture is not, when one says so.
    page.evaluate("document.querySelector('#background').value = 'light'; background.dispatchEvent(new Event('change'))")
    assert_shown(page, ask(url, "/predict?background=light", pictures[0]))
    page.drop("h1", files[-1])
    page.wait_for("document.querySelector('#error').innerText.startsWith('not a picture')")
    assert page.evaluate("document.querySelector('#class').hidden && document.querySelector('#seen').parentElement.hidden")
    # Nothing is cut off at the side.
    assert page.evaluate("document.documentElement.scrollWidth") == WINDOWS[window][0]

    page.click("summary")
    x, y, width = page.middle_of("canvas")
    legs = [(-0.15, 0.4), (-0.1, 0), (-0.05, -0.35), (0.05, -0.35), (0.1, 0), (0.15, 0.4)]
    page.drag([(x + right * width, y + down * width) for right, down in legs])
    page.wait_for("document.querySelector('#error').hidden")
    drawn = base64.b64decode(page.evaluate("document.querySelector('canvas').toDataURL().split(',')[1]"))
    assert_shown(page, ask(url, "/predict?background=dark", drawn))
    with Image.open(io.BytesIO(drawn)) as picture:
        grey = picture.convert("L")
        assert [grey.getpixel((140 + int(280 * right), 140 + int(280 * down))) for right, down in legs] == [200] * 6
        assert grey.getpixel((20, 140)) == 0
    page.screenshot(SCREENSHOTS / f"serve_{window}_drawn.png")
    page.click("#clear")
    assert page.evaluate("ink.getImageData(0, 0, 280, 280).data.every((level, place) => level === (place % 4 === 3 ? 255 : 0))")
    assert page.faults == []


@with_browser
def test_a_picture_is_pasted(page, url, pictures):
    page.open(url, *WINDOWS["wide"])
    page.command("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
    content = base64.b64encode(pictures[0]).decode()
    page.evaluate(
        f"""(async () => {{
          const bytes = Uint8Array.from(atob("{content}"), (letter) => letter.charCodeAt());
          await navigator.clipboard.write([new ClipboardItem({{ "image/png": new Blob([bytes], {{ type: "image/png" }}) }})]);
        }})()"""
    )
    page.press("v", modifiers=2, commands=["paste"])
    page.wait_for("!document.querySelector('#class').hidden")
    assert page.evaluate("document.querySelector('#class').innerText") == json.loads(ask(url, body=pictures[0]).body)["class"]
    assert page.faults == []


@with_browser
def test_everything_can_be_reached_by_keyboard_and_has_a_name(page, url):
    page.open(url, *WINDOWS["phone"])
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    reached = []
    for _ in range(9):
        page.press("Tab", windowsVirtualKeyCode=9)
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.localName"))
        outlined = "[document.activeElement, document.activeElement.closest('label')]"
        assert page.evaluate(f"{outlined}.some((each) => each && getComputedStyle(each).outlineStyle === 'solid')"), reached
    assert reached == ["file", "camera", "background", "summary", "width", "brightness", "clear", "summary", "pre"]
    nodes = page.command("Accessibility.getFullAXTree")["nodes"]
    roles = {"button", "combobox", "slider", "img", "image", "region", "list", "textbox", "DisclosureTriangle", "RootWebArea"}
    names = [(node["role"]["value"], node["name"]["value"]) for node in nodes if not node["ignored"]]
    names = [(role, name) for role, name in names if role in roles]
    assert len(names) >= 9 and all(name for _, name in names), names


@with_browser
def test_the_page_follows_what_the_user_prefers(page, url):
    colours = {}
    for scheme, motion, seconds in (("light", "no-preference", "0.3s"), ("dark", "reduce", "0s")):
        features = {"prefers-color-scheme": scheme, "prefers-reduced-motion": motion}
        page.command(
            "Emulation.setEmulatedMedia", features=[{"name": name, "value": value} for name, value in features.items()]
        )
        page.open(url, *WINDOWS["wide"])
        page.evaluate("present({ class: 'Bag', confidence: 1, others: {}, background: 'dark' }, new Blob())")
        assert page.evaluate("getComputedStyle(document.querySelector('.bar')).transitionDuration") == seconds
        colours[scheme] = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert colours == {"light": "rgb(255, 255, 255)", "dark": "rgb(18, 22, 27)"}


@with_browser
def test_the_page_warns_of_what_is_no_garment(page, url):
    page.open(url, *WINDOWS["wide"])
    for strange in (True, False):
        answer = {"class": "Bag", "confidence": 1, "others": {}, "background": "dark", "out_of_distribution": strange}
        page.evaluate(f"present({json.dumps(answer)}, new Blob())")
        assert page.evaluate("document.querySelector('#warning').hidden") != strange


@with_browser
def test_the_page_says_that_the_server_has_ended(page, exported, files):
    with serving(exported) as (address, _):
        page.open(address, *WINDOWS["wide"])
    page.choose("#file", files[0])
    page.wait_for("document.querySelector('#error').innerText.startsWith('No answer: the server has ended')")
