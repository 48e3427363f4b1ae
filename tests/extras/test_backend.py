"""What TensorFlow's import is spared when it is installed."""

import subprocess
import sys

from conftest import ROOT


def test_what_is_hidden_from_tensorflow_can_be_imported_afterwards():
    program = (
        "import sys; from fashion import backend; print(sorted(backend.UNUSED & sys.modules.keys())); "
        "import matplotlib, pandas, sklearn, jax; print(all(sys.modules[name] for name in backend.UNUSED))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stdout == "[]\nTrue\n"
