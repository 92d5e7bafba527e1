"""What a run of many members takes: PYTHONPATH=tests python -m benchmarks.population FOLDER MEMBERS STEPS [ENGINE].

It trains networks 2,4,1 on parity, from the first step to the report, and prints the time of each stage, the most
memory of the driver and of a worker, and the bytes that are left.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections import Counter
from pathlib import Path

from hypergraph.experiment.plan import Request, load_engine, plan, start
from hypergraph.experiment.run import run_experiment
from hypergraph.runs.events import Event, Noticed, Progressed, Stopping
from hypergraph.spec import MLPSpec

STAGES = {"sweeping members": "sweep", "classifying checkpoints": "analysis of the sample"}


def main(folder: str, members: str, steps: str, engine: str = "local", address: str | None = None) -> None:
    """Run, and print what it took."""
    stages, stage, began = Counter[str](), "training", time.monotonic()
    events: Counter[str] = Counter()

    def observe(event: Event) -> None:
        nonlocal stage, began
        now = time.monotonic()
        events[type(event).__name__] += 1
        if isinstance(event, Progressed) and (new := STAGES.get(event.stage, stage)) != stage:
            stages[stage] += round(now - began)
            stage, began = new, now
            print(f"{stage} after {sum(stages.values())} s", file=sys.stderr, flush=True)
        if isinstance(event, (Noticed, Stopping)):
            print(event, file=sys.stderr, flush=True)

    chosen = load_engine(engine, address)
    config = plan(Request("parity", int(members), int(steps), (MLPSpec((2, 4, 1)),)), chosen)
    run = run_experiment(start(config, Path(folder)), chosen, observe).directory
    stages[stage] += round(time.monotonic() - began)
    megabytes = {who: resource.getrusage(number).ru_maxrss // 1024 for who, number in _WHO.items()}
    sizes: Counter[str] = Counter()
    files: Counter[str] = Counter()
    for path in run.path.rglob("*"):
        if path.is_file():
            kind = path.relative_to(run.path).parts[0]
            sizes[kind] += path.stat().st_size
            files[kind] += 1
    taken = {"seconds": stages, "most MB": megabytes, "events": events, "bytes": sizes, "files": files}
    print(json.dumps({"members": config.members, "chunks": config.chunk_count, **taken}, indent=2))


_WHO = {"driver": resource.RUSAGE_SELF, "worker": resource.RUSAGE_CHILDREN}

if __name__ == "__main__":
    main(*sys.argv[1:])
