"""Kills real runs, each once, and compares their ends after a resume: PYTHONPATH=tests python -m crash 100."""

from __future__ import annotations

import random
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

from crash.trial import KINDS, Reference, damage, differences, killed, reference, resumed


def trial(folder: Path, whole: Reference, number: int) -> tuple[str, list[str]]:
    """Kill, resume and compare. Returns the kind of kill and what was wrong."""
    kind = KINDS[number % len(KINDS)]
    rng = random.Random(number)
    run = next(run for run in (folder / f"{number}.{again}" for again in count()) if killed(run, whole, kind, rng))
    wrong = damage(run)
    try:
        resumed(run)
        wrong += differences(whole.folder, run)
    except AssertionError as error:
        wrong.append(str(error))
    print(f"kill {number}: {kind}: {', '.join(wrong) or 'the same end'}", flush=True)
    return kind, wrong


def main(kills: int) -> int:
    """Kill as often. Returns the exit status."""
    folder = Path(tempfile.mkdtemp(prefix="crash."))
    whole = reference(folder / "whole")
    print(
        f"in {folder}; uninterrupted: {whole.seconds:.0f} s, calls that change files: {dict(whole.moments)}", flush=True
    )
    with ThreadPoolExecutor(2) as pool:
        ended = list(pool.map(lambda number: trial(folder, whole, number), range(kills)))
    survived = Counter(kind for kind, wrong in ended if not wrong)
    for kind in KINDS:
        print(f"{kind:>16}: {survived[kind]} of {sum(kind == each for each, _ in ended)}")
    print(f"{sum(survived.values())} kills of {kills} survived, the end bit-identical in each")
    return int(sum(survived.values()) < kills)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
