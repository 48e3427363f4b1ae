"""Kill `dvc repro` at random moments, run it again, and compare every byte with an undisturbed run.

Each time: a fresh clone of the last commit without its reports, `dvc repro` in a process group of its own, `kill -9` of the
whole group after a random fraction of the time that the undisturbed run took, and a second `dvc repro`. It takes about a minute
a kill. What it prints is kept in studies/reproducibility/kill_drill.txt.
"""

import argparse
import sys

from fashion.clones import clean_commit, make_clone
from fashion.kill_drill import drill
from fashion.options import at_least
from fashion.pipeline.errors import one_line_errors


def main(kills: int, seed: int) -> bool:
    """Kill, print a line for each kill, and return whether all runs ended with the bytes of the undisturbed one.

    Raises:
        UserError: a run failed that was not killed, or there are changes that no clone would have.
    """
    print(f"commit {clean_commit()}, {kills} kills, seed {seed}", flush=True)
    killed = []
    for each in drill(kills, seed, make_clone):
        killed.append(each)
        print(
            f"kill {len(killed):2}/{kills} after {each.seconds:5.1f} s in {each.stage:12}"
            f" {'same bytes' if each.same else 'DIFFERENT'}"
            + (f", resumed after epoch {each.resumed_epoch}" if each.resumed_epoch else "")
            + (", once DVC's lock was removed" if each.lock_removed else ""),
            flush=True,
        )
    same, resumed = sum(each.same for each in killed), sum(each.resumed_epoch > 0 for each in killed)
    print(f"{same} of {kills} ended with the bytes of the undisturbed run; {resumed} trainings resumed after a finished epoch")
    return same == kills


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=at_least(1), default=20, help="how often to kill (default 20)")
    parser.add_argument("--seed", type=at_least(0), default=0, help="determines the random moments (default 0)")
    words = parser.parse_args()
    with one_line_errors():
        all_same = main(words.kills, words.seed)
    sys.exit(not all_same)
