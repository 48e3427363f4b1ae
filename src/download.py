"""Get the four files of Fashion-MNIST and verify them, or make such files of your own pictures -> data/raw/."""

import os
from pathlib import Path

from fashion import paths, sources
from fashion.data import folder
from fashion.params import DownloadParams
from fashion.pipeline import stage


def main(params: DownloadParams) -> None:
    """Take the files from DVC's cache or the first of the sources that has them, or make them of a directory of pictures.

    Raises:
        UserError: no source has them, or a picture or the directory is not what is needed.
    """
    if params.folder:
        folder.store(Path(os.path.expanduser(params.folder)))  # unlike Path's own, it leaves an unknown user's name alone
    else:
        sources.fetch([sources.CACHE, *params.sources], paths.RAW)
        paths.RAW_CLASSES.unlink(missing_ok=True)  # it would say that the files are your own


if __name__ == "__main__":
    stage.run(main, __doc__, reads=lambda params: [params.download])
