"""Labels that are likely wrong, by confident learning (Northcutt, Jiang & Chuang 2021), as cleanlab has it."""

import os

import numpy as np

from fashion.pipeline.errors import UserError


def suspects(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return the indices of the images whose label is likely wrong, the most suspicious first.

    The confidence of networks that did not see the images tells how many labels of a class are really another's; that many are
    suspected, those that look most like the other class.

    Args:
        labels: integers, shape (N,).
        probabilities: float32, shape (N, 10): of each image, from a network that did not see it.

    Raises:
        UserError: cleanlab is not installed.
    """
    os.environ["TQDM_DISABLE"] = "1"
    try:
        from cleanlab.filter import find_label_issues
    except ImportError:
        raise UserError("cleanlab: not installed; run `make extras`") from None
    return find_label_issues(
        labels, probabilities, filter_by="prune_by_noise_rate", return_indices_ranked_by="self_confidence", n_jobs=1
    )
