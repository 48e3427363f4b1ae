"""The real files through every kind of source, and mirrors that misbehave, on loopback."""

import gzip
import hashlib
import http.server
import os
import re
import shutil
import socket
import threading
import time
from contextlib import contextmanager, suppress

import pytest

from fashion import sources
from fashion.data.facts import RAW_FILES
from fashion.pipeline.errors import UserError

SMALL = {name: file for name, file in RAW_FILES.items() if "labels" in name}
NAME = "t10k-labels-idx1-ubyte"


@contextmanager
def mirror(answer):
    """An HTTP server on loopback; `answer` takes the request handler of each GET."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            with suppress(BrokenPipeError, ConnectionResetError):
                answer(self)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def send(handler, body: bytes, status: int = 200, length: int | None = None) -> None:
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(body) if length is None else length))
    handler.end_headers()
    handler.wfile.write(body)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    """Loopback is asked directly, whatever proxy this machine uses."""
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def good(raw):
    """What a mirror that works answers."""

    def answer(handler):
        send(handler, gzip.compress((raw / handler.path.strip("/").removesuffix(".gz")).read_bytes(), 1))

    return answer


def test_a_directory_gives_all_files(raw, tmp_path, capsys):
    sources.fetch([f"file:{raw}"], tmp_path / "got")
    for name, file in RAW_FILES.items():
        assert hashlib.sha256((tmp_path / "got" / name).read_bytes()).hexdigest() == file.sha256
    assert sorted(path.name for path in (tmp_path / "got").iterdir()) == sorted(RAW_FILES)
    assert "4 files, verified" in capsys.readouterr().out


def test_a_mirror_gives_all_files(good, tmp_path):
    with mirror(good) as url:
        sources.fetch([url], tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(RAW_FILES)


def test_a_directory_may_hold_compressed_files(raw, tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "RAW_FILES", SMALL)
    for name in SMALL:
        (tmp_path / "mine" / "deep").mkdir(parents=True, exist_ok=True)
        (tmp_path / "mine" / "deep" / f"{name}.gz").write_bytes(gzip.compress((raw / name).read_bytes()))
    sources.fetch([f"file:{tmp_path}/mine"], tmp_path / "got")
    assert sorted(path.name for path in (tmp_path / "got").iterdir()) == sorted(SMALL)


def hang(handler):
    time.sleep(20)


def trickle(handler):
    handler.send_response(200)
    handler.end_headers()
    for byte in gzip.compress(bytes(range(256))):
        handler.wfile.write(bytes([byte]))
        time.sleep(0.2)


def trickle_header(handler):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(100):
        handler.wfile.write(f"X-{number}: y\r\n".encode())
        time.sleep(0.2)


def redirect_loop(handler):
    handler.send_response(302)
    handler.send_header("Location", handler.path)
    handler.end_headers()


def page(handler):
    send(handler, b"<html>Welcome to the hotel's wireless network</html>")


def bomb(handler):
    send(handler, gzip.compress(bytes(50_000_000)))


def wrong_bytes(handler):
    send(handler, gzip.compress(bytes(SMALL[NAME].size)))


def truncated(handler):
    send(handler, gzip.compress(bytes(range(256)) * 40)[:60])


def wrong_length(handler):
    send(handler, gzip.compress(bytes(range(256)) * 40)[:60], length=9999)


def garbage(handler):
    handler.wfile.write(b"\x00\xffnot HTTP\r\n\r\n")


MISBEHAVING = {
    "hangs": (hang, "too slow: 0 bytes in the last 2 s"),
    "trickles": (trickle, "too slow: .* bytes in the last 2 s"),
    "trickles its header": (trickle_header, "too slow: 0 bytes in the last 2 s"),
    "404": (lambda handler: send(handler, b"", 404), "Not Found"),
    "500": (lambda handler: send(handler, b"", 500), "Internal Server Error"),
    "HTML page": (page, "not gzip data"),
    "empty": (lambda handler: send(handler, b""), "the file ends early"),
    "truncated body": (truncated, "the file ends early"),
    "wrong length": (wrong_length, "the file ends early|IncompleteRead"),
    "redirect loop": (redirect_loop, "Found|infinite loop"),
    "gzip bomb": (bomb, "t10k-labels-idx1-ubyte is larger than 10008 bytes"),
    "wrong bytes": (wrong_bytes, "t10k-labels-idx1-ubyte has SHA-256 .*, not 0402a96d92fd"),
    "no HTTP": (garbage, "not HTTP"),
}


@pytest.mark.parametrize("case", MISBEHAVING)
def test_after_a_mirror_that_misbehaves_the_next_is_tried(case, good, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sources, "RAW_FILES", {NAME: SMALL[NAME]})
    monkeypatch.setattr(sources, "PATIENCE_SECONDS", 2.0)
    answer, reason = MISBEHAVING[case]
    with mirror(answer) as bad_url, mirror(good) as good_url:
        started = time.monotonic()
        sources.fetch([bad_url, good_url], tmp_path)
        # A server that makes one wait does so for 20 s or more.
        assert time.monotonic() - started < 18
    assert [path.name for path in tmp_path.iterdir()] == [NAME]
    said = capsys.readouterr().out
    assert re.search(f"{bad_url}: .*{reason}.*; trying the next source", said), said
    assert f"1 files, verified, from {good_url}" in said


def test_without_a_good_source_nothing_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "RAW_FILES", {NAME: SMALL[NAME]})
    message = r"(?s)no source has the data set:\n  http://127.0.0.1:\d+/: .* has SHA-256 .*file:DIRECTORY"
    with mirror(wrong_bytes) as url, pytest.raises(UserError, match=message):
        sources.fetch([url], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_mirror_that_was_too_slow_is_tried_again_patiently_when_no_other_has_the_files(good, tmp_path, monkeypatch, capsys):
    """As behind a proxy that scans a file before it lets a byte through."""
    monkeypatch.setattr(sources, "RAW_FILES", {NAME: SMALL[NAME]})
    monkeypatch.setattr(sources, "PATIENCE_SECONDS", 0.4)

    def slow(handler):
        time.sleep(0.6)
        good(handler)

    with mirror(slow) as url:
        sources.fetch([url, "file:nowhere"], tmp_path)
    said = capsys.readouterr().out
    assert re.findall(r"(http|file):.*; trying the next source", said) == ["http", "file"]
    assert "too slow: 0 bytes" in said and f"1 files, verified, from {url}" in said
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_a_mirror_that_refuses_and_one_without_a_name(tmp_path, monkeypatch):
    look_up = socket.getaddrinfo

    def without_a_network(host, *rest, **options):
        if host == "nowhere.invalid":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return look_up(host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", without_a_network)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        refusing = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        with pytest.raises(UserError, match=r"(?s)Connection refused.*nowhere.invalid: .*Name or service.*has neither"):
            sources.fetch([refusing, "https://nowhere.invalid", f"file:{tmp_path}/empty"], tmp_path / "got")


def test_files_of_one_source_are_completed_from_another(raw, good, tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "RAW_FILES", SMALL)
    mine = tmp_path / "mine"
    mine.mkdir()
    shutil.copy(raw / NAME, mine)
    with mirror(good) as url:
        sources.fetch([f"file:{mine}", url], tmp_path / "got")
    assert sorted(path.name for path in (tmp_path / "got").iterdir()) == sorted(SMALL)


@pytest.mark.slow
@pytest.mark.skipif(not (shutil.which("apt-get") and shutil.which("dpkg-deb")), reason="needs Debian's apt")
def test_the_debian_package_gives_the_official_bytes(tmp_path):
    sources.fetch(["apt:dataset-fashion-mnist"], tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(RAW_FILES)


def test_an_unknown_debian_package_is_named(tmp_path, monkeypatch):
    """Apt is a program that says what apt does."""
    refuse = "case $* in *' download no-such-data-set') echo 'E: Unable to locate package no-such-data-set' >&2; exit 100; esac"
    for program, script in {"apt-get": refuse, "dpkg-deb": "exit 1"}.items():
        (tmp_path / program).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / program).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    message = "^apt-get: E: Unable to locate package no-such-data-set$"
    with pytest.raises(sources.SourceError, match=message), sources.opened("apt:no-such-data-set"):
        pytest.fail("this package does not exist")
