"""Get Fashion-MNIST: the four official files, decompressed, each with its SHA-256 -> data/raw/."""

import hashlib
from pathlib import Path
from typing import NamedTuple

from fashion import sources, stage
from fashion.errors import UserError
from fashion.files import atomic_write
from fashion.params import DownloadParams

RAW = Path("data/raw")


class Release(NamedTuple):
    """What a file of the official release is, decompressed. Mirrors compress them differently."""

    size: int
    sha256: str


FILES = {
    "train-images-idx3-ubyte": Release(47_040_016, "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"),
    "train-labels-idx1-ubyte": Release(60_008, "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"),
    "t10k-images-idx3-ubyte": Release(7_840_016, "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"),
    "t10k-labels-idx1-ubyte": Release(10_008, "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"),
}


def store(chunks: sources.Chunks, path: Path, release: Release) -> None:
    """Write a file that appears under its name only if it is the official one.

    Raises:
        sources.SourceError: it has more bytes, fewer, or others.
        OSError: it cannot be written.
    """
    digest, size = hashlib.sha256(), 0
    with atomic_write(path) as file:
        for chunk in chunks:
            size += len(chunk)
            if size > release.size:
                raise sources.SourceError(f"{path.name} is larger than {release.size} bytes")
            digest.update(chunk)
            file.write(chunk)
        if digest.hexdigest() != release.sha256:
            raise sources.SourceError(f"{path.name} has SHA-256 {digest.hexdigest()[:12]}…, not {release.sha256[:12]}…")


def main(params: DownloadParams, directory: Path = RAW) -> None:
    """Fill `directory` with the four files, trying the sources in turn until all are there.

    Raises:
        UserError: no source has the files that are missing; with each source's reason.
        OSError: a file cannot be written.
    """
    missing = dict(FILES)
    used, reasons = [], []
    for source in params.sources:
        try:
            with sources.opened(source) as fetch:
                for name in list(missing):
                    store(fetch(name), directory / name, missing[name])
                    del missing[name]
                    used.append(source)
        except sources.SourceError as error:
            reasons.append(f"{source}: {error}")
            print(f"{reasons[-1]}; trying the next source", flush=True)
        if not missing:
            print(f"{len(FILES)} files, verified, from {' and '.join(dict.fromkeys(used))} -> {directory}/")
            return
    raise UserError(
        "no source has the data set:\n"
        + "".join(f"  {reason}\n" for reason in reasons)
        + f"Put {', '.join(FILES)} (or the same .gz) into a directory, and name it in params.yaml: "
        'download.sources: ["file:DIRECTORY"]'
    )


if __name__ == "__main__":
    stage.run(main, __doc__, reads=lambda params: [params.download])
