"""Is there a setting under which two kinds of processors train the same network? Two epochs under each, in float32.

Run it on every kind of processor that you meet: it appends what it found to portable_bits.csv, and portable_bits.md says
whether all processors agree. Only rows of the same inputs (code, data, parameters and libraries) compare: where these have
changed since, run it in a clone that is at the commit of the older rows.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable

from fashion import paths
from fashion.clones import clean_commit
from fashion.data.images import load_images, refuse_other_data
from fashion.params import load
from fashion.pipeline import tables
from fashion.pipeline.errors import UserError, one_line_errors
from fashion.pipeline.files import sha256, write_text
from fashion.pipeline.machine import THREADS, describe_machine

TABLE = paths.REPRODUCIBILITY_STUDY / "portable_bits.csv"
PAGE = TABLE.with_suffix(".md")
# Of a SHA-256, enough to tell networks apart.
DIGITS = 12
EPOCHS = 2
ONE_THREAD = dict.fromkeys(THREADS, "1")
# NumPy and its BLAS, which whiten the first layer, as on a processor with AVX2 and no more.
NUMPY_AVX2 = {
    "OPENBLAS_CORETYPE": "Haswell",
    "NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL AVX512_SPR",
}
SETTINGS = {
    "as it is": {},
    "one thread": ONE_THREAD,
    "AVX2, NumPy too": {"ONEDNN_MAX_CPU_ISA": "AVX2", **NUMPY_AVX2},
    "AVX2, NumPy too, one thread": {"ONEDNN_MAX_CPU_ISA": "AVX2", **NUMPY_AVX2, **ONE_THREAD},
    "SSE4.1, NumPy at AVX2, one thread": {"ONEDNN_MAX_CPU_ISA": "SSE41", **NUMPY_AVX2, **ONE_THREAD},
    "no oneDNN, NumPy at AVX2": {"TF_ENABLE_ONEDNN_OPTS": "0", **NUMPY_AVX2},
    "no oneDNN, NumPy at AVX2, one thread": {"TF_ENABLE_ONEDNN_OPTS": "0", **NUMPY_AVX2, **ONE_THREAD},
}


def digest(parts: Iterable[bytes]) -> str:
    """Return the first digits of the SHA-256 of some bytes."""
    whole = hashlib.sha256()
    for part in parts:
        whole.update(part)
    return whole.hexdigest()[:DIGITS]


def train() -> dict[str, str]:
    """Train the first member of params.yaml for two epochs in float32, in this process, under the variables that it has.

    Returns:
        The digests of what determines the training but for the processor, of the network before it and of the network after it.

    Raises:
        UserError: params.yaml is wrong, or the data is missing or damaged.
    """
    from fashion.training.compile import determined_by
    from fashion.training.fit import Training
    from fashion.training.interrupt import CtrlC

    read = load(overrides={"train": {"precision": "float32", "epochs": EPOCHS, "data_pruning": 0.0}})
    first = next(iter(read.ensemble.values()))
    inputs = determined_by(first, [sha256(paths.TRAIN), sha256(paths.VALIDATION)])
    training = Training(first, load_images(paths.TRAIN), load_images(paths.VALIDATION))
    untrained = digest(weights.tobytes() for weights in training.model.get_weights())
    with CtrlC() as ctrl_c:
        for _ in range(EPOCHS):
            training.train_epoch(ctrl_c)
            training.validate()
    return {
        "inputs": digest([json.dumps(inputs, sort_keys=True).encode()]),
        "untrained": untrained,
        "trained": digest(weights.tobytes() for weights in training.scored.get_weights()),
    }


def train_under(variables: dict[str, str]) -> dict[str, str]:
    """Return what `train` returns in a process with these variables.

    Raises:
        UserError: it failed.
    """
    command = [sys.executable, __file__, "--train"]
    done = subprocess.run(command, env=os.environ | variables, capture_output=True, text=True)
    if done.returncode:
        raise UserError(f"the training under {variables} failed: {done.stderr.strip().removeprefix('error: ')}")
    return json.loads(done.stdout)


def read() -> list[dict[str, str]]:
    """Return the rows of the table, none if there is no table yet.

    Raises:
        UserError: it is damaged.
    """
    columns = ("inputs", "commit", "processor", "setting", "untrained", "trained")
    return [dict(zip(columns, row)) for row in zip(*tables.read(TABLE, columns).values())] if TABLE.exists() else []


def page(rows: list[dict[str, str]]) -> str:
    """Return the page, Markdown: of the latest inputs a row for each setting, a column for each processor."""
    rows = [row for row in rows if row["inputs"] == rows[-1]["inputs"]]
    names = {processor: f"processor {number}" for number, processor in enumerate({row["processor"]: 0 for row in rows}, 1)}
    shown = []
    for setting in SETTINGS:
        found = [row for row in rows if row["setting"] == setting]
        trained = {row["trained"] for row in found}
        cells = dict.fromkeys(names.values(), "")
        cells |= {names[row["processor"]]: f"`{row['trained']}`" for row in found}
        verdict = "not known" if len(found) < 2 else "yes" if len(trained) == 1 else "no"
        shown.append({"setting": setting, **cells, "the same network": verdict})
    where = "everywhere" if len({row["untrained"] for row in rows}) == 1 else "not everywhere"
    legend = "\n".join(f"- {name}: {processor}" for processor, name in names.items())
    return f"""# Do two processors train the same network?

`python {paths.REPRODUCIBILITY_STUDY}/portable_bits.py`, run on each processor at commit {rows[-1]["commit"]}.
The SHA-256 of the network of params.yaml after {EPOCHS} epochs in float32, its first digits.
Before training it was the same {where}. The script has the variables of each setting.

{tables.markdown(shown)}

{legend}
"""


def main() -> None:
    """Train under each setting, one after the other, and write table and page.

    Raises:
        UserError: the data set is your own, there are uncommitted changes, a training failed, or the table is damaged.
    """
    refuse_other_data(paths.TRAIN)
    commit, processor = clean_commit(), str(describe_machine()["cpu"])
    rows = read()
    for setting, variables in SETTINGS.items():
        found = train_under(variables)
        place = {"inputs": found["inputs"], "processor": processor, "setting": setting}
        rows = [row for row in rows if not place.items() <= row.items()] + [{"commit": commit} | place | found]
        print(f"{setting}: {found['untrained']} -> {found['trained']}", flush=True)
        tables.write(TABLE, rows)
    write_text(PAGE, page(rows))
    print(f"-> {PAGE}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", action="store_true", help="only train once, in this process, and print what came out")
    with one_line_errors():
        if parser.parse_args().train:
            print(json.dumps(train()))
        else:
            main()
