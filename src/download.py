"""Get the four files of Fashion-MNIST, decompressed and verified -> data/raw/."""

from fashion import paths, sources
from fashion.params import DownloadParams
from fashion.pipeline import stage


def main(params: DownloadParams) -> None:
    """Fetch the files from DVC's cache, if they were there before, or from the first of the sources that has them.

    Raises:
        UserError: no source has them.
    """
    sources.fetch([sources.CACHE, *params.sources], paths.RAW)


if __name__ == "__main__":
    stage.run(main, __doc__, reads=lambda params: [params.download])
