"""Where the data set comes from: HTTP servers, a directory or a Debian package. Every file is verified."""

import hashlib
import http.client
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

from fashion.data.facts import RAW_FILES, RawFile
from fashion.pipeline.errors import UserError
from fashion.pipeline.files import atomic_write

CHUNK_BYTES = 1 << 16
# A server has this long to answer, and as long again for each further MIN_BYTES.
PATIENCE_SECONDS = 4.0
MIN_BYTES = 1 << 16
APT_SECONDS = 300

Chunks = Iterator[bytes]


class SourceError(Exception):
    """A source cannot give a file; the message is the reason."""


def fetch(sources: list[str], directory: Path) -> None:
    """Fill `directory` with the four files of the release, trying the sources in turn until all are there.

    Raises:
        UserError: no source has the files that are missing; with each source's reason.
    """
    missing = dict(RAW_FILES)
    used, reasons = [], []
    for source in sources:
        try:
            with opened(source) as read_file:
                for name in list(missing):
                    store(read_file(name), directory / name, missing[name])
                    del missing[name]
                    used.append(source)
        except SourceError as error:
            reasons.append(f"{source}: {error}")
            print(f"{reasons[-1]}; trying the next source", flush=True)
        if not missing:
            print(f"{len(RAW_FILES)} files, verified, from {' and '.join(dict.fromkeys(used))} -> {directory}/")
            return
    raise UserError(
        "no source has the data set:\n"
        + "".join(f"  {reason}\n" for reason in reasons)
        + f"Put {', '.join(RAW_FILES)} (or the same .gz) into a directory, and name it in params.yaml: "
        'download.sources: ["file:DIRECTORY"]'
    )


def store(chunks: Chunks, path: Path, expected: RawFile) -> None:
    """Write a file that appears under its name only if it is the official one.

    Raises:
        SourceError: it has more bytes, fewer, or others.
    """
    digest, size = hashlib.sha256(), 0
    with atomic_write(path) as file:
        for chunk in chunks:
            size += len(chunk)
            if size > expected.size:
                raise SourceError(f"{path.name} is larger than {expected.size} bytes")
            digest.update(chunk)
            file.write(chunk)
        if digest.hexdigest() != expected.sha256:
            raise SourceError(f"{path.name} has SHA-256 {digest.hexdigest()[:12]}…, not {expected.sha256[:12]}…")


@contextmanager
def opened(source: str) -> Iterator[Callable[[str], Chunks]]:
    """Open a source, and get a function that takes a file's name and returns the file's bytes, decompressed.

    Args:
        source: http(s)://HOST/PATH, which has NAME.gz; file:DIRECTORY or apt:PACKAGE, which have NAME.gz or NAME.

    Raises:
        SourceError: the source cannot be reached or does not have what is asked for.
    """
    kind, _, rest = source.partition(":")
    if kind in ("http", "https"):
        yield lambda name: gunzip(receive(f"{source.rstrip('/')}/{name}.gz"))
    elif kind == "file":
        yield lambda name: read_from(Path(os.path.expanduser(rest)), name)
    else:
        with tempfile.TemporaryDirectory() as directory:
            unpacked = unpack_debian_package(rest, Path(directory))
            yield lambda name: read_from(unpacked, name)


def gunzip(chunks: Chunks) -> Chunks:
    """Decompress a gzip stream as it comes, at most 1 MiB at a time.

    Raises:
        SourceError: it is no gzip stream, or it ends early.
    """
    inflater = zlib.decompressobj(wbits=31)
    try:
        for chunk in chunks:
            while chunk and not inflater.eof:
                yield inflater.decompress(chunk, 1 << 20)
                chunk = inflater.unconsumed_tail
            if inflater.eof:
                break
        yield inflater.flush()
    except zlib.error as error:
        raise SourceError(f"not gzip data ({error})") from None
    if not inflater.eof:
        raise SourceError("the file ends early")


def read_from(directory: Path, name: str) -> Chunks:
    """Read a file, compressed or not, from anywhere in a directory.

    Raises:
        SourceError: the directory does not have it, or it cannot be read.
    """
    for candidate, decode in ((name, iter), (f"{name}.gz", gunzip)):
        for path in sorted(directory.rglob(candidate)):
            yield from decode(read(path))
            return
    raise SourceError(f"{directory} has neither {name} nor {name}.gz")


def read(path: Path) -> Chunks:
    """Read a file piece by piece.

    Raises:
        SourceError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            yield from iter(lambda: file.read(CHUNK_BYTES), b"")
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror}") from None


def receive(url: str) -> Chunks:
    """Receive a file over HTTP, with a progress bar when on a terminal.

    The server is given up as soon as it is slower than `PATIENCE_SECONDS` and `MIN_BYTES` allow, whatever it is that takes
    its time: the look-up of its name, the connection, the header or the body. No single time-out of a socket covers all of
    these, so a thread does the waiting, and is left behind when the patience ends.

    Raises:
        SourceError: the server cannot be reached, refuses, or is too slow.
    """
    arrived: queue.Queue = queue.Queue(maxsize=64)
    abandoned = threading.Event()

    def request() -> None:
        try:
            with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS + 1) as response:
                arrived.put(int(response.headers.get("Content-Length", 0)))
                while not abandoned.is_set() and (chunk := response.read1(CHUNK_BYTES)):
                    arrived.put(chunk)
            arrived.put(b"")
        except (OSError, ValueError, http.client.HTTPException) as error:
            arrived.put(error)

    threading.Thread(target=request, daemon=True).start()
    deadline, received = time.monotonic() + PATIENCE_SECONDS, 0
    with tqdm(desc=url.rpartition("/")[2], unit="B", unit_scale=True, leave=False, disable=None) as bar:
        try:
            while True:
                try:
                    item = arrived.get(timeout=max(0.0, deadline - time.monotonic()))
                except queue.Empty:
                    raise SourceError(f"too slow: {received} bytes in the last {PATIENCE_SECONDS:.0f} s") from None
                if isinstance(item, Exception):
                    # What a server sends may be part of it: line ends and control characters, too.
                    said = str(getattr(item, "reason", None) or item)
                    printable = "".join(letter if letter.isprintable() else " " for letter in said)
                    raise SourceError(" ".join(printable.split()) or type(item).__name__)
                if isinstance(item, int):
                    deadline = time.monotonic() + PATIENCE_SECONDS
                    bar.reset(total=item or None)
                    continue
                if not item:
                    return
                received += len(item)
                if received >= MIN_BYTES:
                    deadline, received = time.monotonic() + PATIENCE_SECONDS, 0
                bar.update(len(item))
                yield item
        finally:
            abandoned.set()


def unpack_debian_package(package: str, directory: Path) -> Path:
    """Fetch a Debian package with apt, which checks its signature, and unpack it without installing anything.

    Apt gets state directories of its own, so neither root nor the system's package lists are needed.

    Returns:
        The directory that the package's files were unpacked into.

    Raises:
        SourceError: this is no Debian system, or apt cannot fetch the package.
    """
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise SourceError("needs apt-get and dpkg-deb, which this system does not have")
    for folder in ("state/lists/partial", "cache/archives/partial", "fetched", "unpacked"):
        (directory / folder).mkdir(parents=True)
    (directory / "state/status").touch()
    settings = {
        "Dir::State": directory / "state",
        "Dir::State::status": directory / "state/status",
        "Dir::Cache": directory / "cache",
        "APT::Sandbox::User": "root",  # that is, whoever runs this: apt's own user cannot enter the directory
        "APT::Get::AllowUnauthenticated": "false",
        "Acquire::AllowInsecureRepositories": "false",
        "Acquire::Languages": "none",
        "Acquire::Retries": "0",
        "Acquire::http::Timeout": "5",
        "Acquire::https::Timeout": "5",
    }
    options = [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]
    print(f"fetching the Debian package {package} with apt", flush=True)
    call(["apt-get", *options, "update"], directory)
    call(["apt-get", *options, "download", package], directory / "fetched")
    (archive,) = (directory / "fetched").glob("*.deb")
    call(["dpkg-deb", "--extract", str(archive), str(directory / "unpacked")], directory)
    return directory / "unpacked"


def call(command: list[str], directory: Path) -> None:
    """Run a program in a directory; its progress is shown on a terminal.

    Raises:
        SourceError: it failed, or took longer than `APT_SECONDS`; with the last line that it wrote.
    """
    try:
        done = subprocess.run(
            command,
            cwd=directory,
            stdout=None if sys.stdout.isatty() else subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=APT_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise SourceError(f"{command[0]}: not done after {APT_SECONDS} s") from None
    if done.returncode:
        last_line = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1]
        raise SourceError(f"{command[0]}: {last_line}")
