"""Where the data set comes from: DVC's cache, HTTP servers, a directory or a Debian package. Every file is verified."""

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

from fashion import paths
from fashion.data.facts import RAW_FILES, RawFile
from fashion.pipeline.errors import UserError
from fashion.pipeline.files import atomic_write

CHUNK_BYTES = 1 << 16
# A server has this long to answer, and as long again for each further MIN_BYTES.
PATIENCE_SECONDS = 4.0
MIN_BYTES = 1 << 16
# If no other source has the files, those that were only too slow have so long: on a line of a few KiB/s, or behind a proxy that
# scans a file before it lets a byte of it through.
LAST_PATIENCE_SECONDS = 90.0
APT_SECONDS = 300
CACHE = "DVC's cache"

Chunks = Iterator[bytes]


class SourceError(Exception):
    """A source cannot give a file; the message is the reason."""


class TooSlowError(SourceError):
    """A source might give a file if it had more time."""


def fetch(sources: list[str], directory: Path) -> None:
    """Fill `directory` with the four files of the release, trying the sources in turn until all are there.

    Sources that were too slow are tried again after the last one, patiently.

    Raises:
        UserError: no source has the files that are missing; with each source's reason.
    """
    missing = dict(RAW_FILES)
    used, reasons = [], {}
    attempts = [(source, PATIENCE_SECONDS) for source in sources]
    for source, patience in attempts:
        if patience > PATIENCE_SECONDS:
            print(f"{source}: once more, with {patience:.0f} s for each {MIN_BYTES >> 10} KiB", flush=True)
        try:
            with opened(source, patience) as read_file:
                for name in list(missing):
                    store(read_file(name), directory / name, missing[name])
                    del missing[name]
                    used.append(source)
        except SourceError as error:
            if source == CACHE:  # as in every fresh clone
                continue
            reasons[source] = str(error)
            print(f"{source}: {error}; trying the next source", flush=True)
            if isinstance(error, TooSlowError) and patience < LAST_PATIENCE_SECONDS:
                attempts.append((source, LAST_PATIENCE_SECONDS))
        if not missing:
            print(f"{len(RAW_FILES)} files, verified, from {' and '.join(dict.fromkeys(used))} -> {directory}/")
            return
    raise UserError(
        "no source has the data set:\n"
        + "".join(f"  {source}: {reason}\n" for source, reason in reasons.items())
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
def opened(source: str, patience: float = PATIENCE_SECONDS) -> Iterator[Callable[[str], Chunks]]:
    """Open a source, and get a function that takes a file's name and returns the file's bytes, decompressed.

    Args:
        source: http(s)://HOST/PATH, which has NAME.gz; file:DIRECTORY or apt:PACKAGE, which have NAME.gz or NAME; or CACHE.
        patience: seconds that an HTTP server has for its answer, and again for each MIN_BYTES.

    Raises:
        SourceError: the source cannot be reached or does not have what is asked for.
    """
    kind, _, rest = source.partition(":")
    if source == CACHE:
        yield read_from_cache
    elif kind in ("http", "https"):
        yield lambda name: gunzip(receive(f"{source.rstrip('/')}/{name}.gz", patience))
    elif kind == "file":
        yield lambda name: read_from(Path(os.path.expanduser(rest)), name)
    else:
        with tempfile.TemporaryDirectory() as directory:
            unpacked = unpack_debian_package(rest, Path(directory))
            yield lambda name: read_from(unpacked, name)


def read_from_cache(name: str) -> Chunks:
    """Read a file that this project had before: before a stage runs, DVC removes its outputs, but not from its cache.

    Raises:
        SourceError: the cache does not have it, or not undamaged.
    """
    try:
        import dvc.api  # which takes half a second

        # Without a remote, which would be asked for what the cache does not have.
        with dvc.api.open(str(paths.RAW / name), mode="rb", config={"core": {"remote": ""}}) as file:
            yield from iter(lambda: file.read(CHUNK_BYTES), b"")
    except Exception:  # DVC's, and whatever damage leads to
        raise SourceError(f"does not have {name}") from None


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


def receive(url: str, patience: float) -> Chunks:
    """Receive a file over HTTP, with a progress bar when on a terminal.

    The server is given up as soon as it is slower than `patience` and `MIN_BYTES` allow, whatever it is that takes its time:
    the look-up of its name, the connection, the header or the body. No single time-out of a socket covers all of these, so a
    thread does the waiting, and is left behind when the patience ends.

    Args:
        url: of the file.
        patience: in seconds.

    Raises:
        SourceError: the server cannot be reached or refuses.
        TooSlowError: it is too slow.
    """
    arrived: queue.Queue = queue.Queue(maxsize=64)
    abandoned = threading.Event()

    def request() -> None:
        try:
            with urllib.request.urlopen(url, timeout=patience + 1) as response:
                arrived.put(int(response.headers.get("Content-Length", 0)))
                while not abandoned.is_set() and (chunk := response.read1(CHUNK_BYTES)):
                    arrived.put(chunk)
            arrived.put(b"")
        except (OSError, ValueError, http.client.HTTPException) as error:
            arrived.put(error)

    threading.Thread(target=request, daemon=True).start()
    deadline, received = time.monotonic() + patience, 0
    with tqdm(desc=url.rpartition("/")[2], unit="B", unit_scale=True, leave=False, disable=None) as bar:
        try:
            while True:
                try:
                    item = arrived.get(timeout=max(0.0, deadline - time.monotonic()))
                except queue.Empty:
                    raise TooSlowError(f"too slow: {received} bytes in the last {patience:.0f} s") from None
                if isinstance(item, Exception):
                    # What a server sends may be part of it: line ends and control characters, too.
                    said = str(getattr(item, "reason", None) or item)
                    printable = "".join(letter if letter.isprintable() else " " for letter in said)
                    raise SourceError(" ".join(printable.split()) or type(item).__name__)
                if isinstance(item, int):
                    deadline = time.monotonic() + patience
                    bar.reset(total=item or None)
                    continue
                if not item:
                    return
                received += len(item)
                if received >= MIN_BYTES:
                    deadline, received = time.monotonic() + patience, 0
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
