"""HEIC, what telephones write: with pillow-heif, and without."""

import io
import subprocess
import sys

import numpy as np
import pillow_heif
import pytest
from conftest import ROOT
from PIL import Image

from fashion.inference import photo
from fashion.pipeline.errors import UserError


def picture() -> Image.Image:
    """A dark bar, upright, on a light ground."""
    made = Image.new("RGB", (400, 500), (230, 230, 225))
    made.paste((40, 50, 90), (150, 100, 250, 400))
    return made


def heic(**options) -> bytes:
    file = io.BytesIO()
    pillow_heif.from_pillow(picture()).save(file, format="HEIF", quality=90, **options)
    return file.getvalue()


def test_a_heic_file_is_read_as_any_other():
    made = photo.make_garment(photo.open_picture(io.BytesIO(heic())))
    assert made.background == "light"
    assert np.abs(made.image.astype(float) - photo.make_garment(picture()).image).mean() < 3


def test_it_is_put_upright():
    exif = Image.Exif()
    exif[0x0112] = 6
    assert photo.open_picture(io.BytesIO(heic(exif=exif.tobytes()))).size == (500, 400)


@pytest.mark.parametrize("kept", [40, 400, 0.5, 0.9])
def test_half_a_heic_file_is_one_line(kept):
    content = heic()
    with pytest.raises(UserError, match="a damaged picture"):
        photo.make_garment(photo.open_picture(io.BytesIO(content[: int(kept * len(content)) if kept < 1 else kept])))


def test_without_the_package_it_says_what_to_install(tmp_path):
    (tmp_path / "photo.heic").write_bytes(heic())
    program = "import sys, runpy; sys.modules['pillow_heif'] = None; runpy.run_path('tools/predict.py', run_name='__main__')"
    words = [sys.executable, "-c", program, str(tmp_path)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"error: {tmp_path}/photo.heic: HEIC needs pillow-heif; run `make extras`\n"
