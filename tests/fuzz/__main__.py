"""Coverage-guided fuzzing: PYTHONPATH=tests python -m fuzz --seed 0 --inputs 100000."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import torch

from fuzz.guided import fuzz
from fuzz.targets import TARGETS


def main(seed: int, inputs: int) -> int:
    """Divide the inputs among the targets. Returns the exit status."""
    torch.set_num_threads(1)
    started, shares = time.monotonic(), sum(target.share for target in TARGETS)
    tallies = []
    for target in TARGETS:
        with tempfile.TemporaryDirectory(prefix="fuzz.") as folder:
            tallies.append(fuzz(target, -(-inputs * target.share // shares), seed, Path(folder)))
        print(tallies[-1], flush=True)
        for failure in tallies[-1].failures[:5]:
            print(failure, file=sys.stderr, flush=True)
    failed = sum(len(tally.failures) for tally in tallies)
    total = sum(tally.inputs for tally in tallies)
    print(f"{total:,} inputs of seed {seed} in {time.monotonic() - started:.0f} s, {failed} failures")
    return int(failed > 0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--inputs", type=int, default=100_000)
    sys.exit(main(**vars(parser.parse_args())))
