"""Export the trained ensemble to a format that other programs run, and check that it agrees with the original.

The exported model takes images as they are, uint8 of shape (N, 28, 28). It returns `probabilities`, float32 of shape (N, 10),
and `out_of_distribution`, float32 of shape (N,): above 1 for an image unlike those of the training, which may be no garment.
Scaling of the pixels, test-time augmentation, averaging over the members and calibration are part of it.
"""

import argparse
import os
import shutil
import tempfile
from pathlib import Path

from fashion import params, paths
from fashion.inference import onnx_model
from fashion.pipeline.errors import one_line_errors

# A server of SavedModels (TensorFlow Serving) is given a directory with one for each version.
NAMES = {"keras": "model.keras", "saved_model": "saved_model/1", "onnx": paths.ONNX.name, "litert": "model.tflite"}


def main(form: str) -> None:
    """Export, check and report. What was exported before is replaced when the check has passed.

    Raises:
        ParameterError: params.yaml is wrong.
        UserError: a model or the test images are missing or damaged, an optional package is missing, or the check failed.
    """
    made_from = onnx_model.fingerprint(params.load())
    if form == "onnx" and onnx_model.load(made_from):
        print(f"{paths.ONNX}: already that of these models")
        return
    # Imported only now: TensorFlow takes seconds, which a mistake on the command line need not wait for.
    from fashion.inference import export

    model = export.build()
    paths.EXPORTED.mkdir(exist_ok=True)
    target = paths.EXPORTED / NAMES[form]
    with tempfile.TemporaryDirectory(dir=paths.EXPORTED, prefix=".") as directory:
        path = Path(directory) / NAMES[form]
        path.parent.mkdir(exist_ok=True)
        export.write(model, form, path)
        if form == "onnx":
            onnx_model.stamp(path, made_from)
        run = export.open_exported(form, path)
        agreement = export.check(run, model)
        if target.is_dir():
            shutil.rmtree(target)
        target.parent.mkdir(exist_ok=True)
        os.replace(path, target)
    print(f"{target}: {export.size(target) / 1e6:.2f} MB, {export.latency(run):.2f} ms for one image; {agreement}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--format", choices=NAMES, required=True, help=f"written to {paths.EXPORTED}/: {', '.join(NAMES.values())}"
    )
    arguments = parser.parse_args()
    with one_line_errors():
        main(arguments.format)
