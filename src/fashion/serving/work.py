"""From the bytes of a picture to what is said of it, by a network that is loaded once."""

import base64
import io

from PIL import Image

from fashion import paths
from fashion.inference import photo
from fashion.inference.classify import describe_result, load_export, read_class_names
from fashion.pipeline.errors import UserError

# Of a picture; a telephone's have 12 or 48 million.
MOST_PIXELS = 50_000_000


class Classifier:
    """The exported ensemble. It may be called from several threads.

    Raises:
        UserError: there is no export of the trained models, or they are missing or damaged.
        ParameterError: params.yaml is wrong.
    """

    def __init__(self) -> None:
        classify = load_export()
        if classify is None:
            raise UserError(f"{paths.ONNX}: missing, or not of these models; run `python tools/export.py --format onnx`")
        self.classify, self.names = classify, read_class_names()

    def __call__(self, content: bytes, background: photo.Background | None, seen: bool) -> dict:
        """Return what `tools/predict.py --json -` says of a picture on its standard input.

        Args:
            content: the file.
            background: of the picture; None: found out.
            seen: whether to add "seen": the 28x28 image that the network got, a PNG file as a data URI.

        Raises:
            UserError: the picture cannot be used.
        """
        garment = photo.make_garment(photo.open_picture(io.BytesIO(content), MOST_PIXELS), background)
        probabilities, out_of_distribution = self.classify(garment.image[None])
        result = describe_result("-", self.names, garment, probabilities[0], out_of_distribution[0])
        return result | {"seen": data_uri(Image.fromarray(garment.image))} if seen else result


def data_uri(image: Image.Image) -> str:
    """Return an image as an address that holds it, a PNG file."""
    file = io.BytesIO()
    image.save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
