"""The batch script for Slurm, with stand-ins for Slurm's commands that start the nodes on this machine."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
from pathlib import Path

import psutil
import pytest
from clusters import QUIET
from processes import Running

from hypergraph.storage.tensors import read_tensors

pytest.importorskip("ray", reason="Ray is not installed")

PAGE = (Path(__file__).parents[2] / "docs" / "cluster.md").read_text()
SRUN = """#!/bin/bash
for word in "$@"; do [[ $word == --nodelist=* ]] && host=127.0.0.12 ; done
while [[ $1 == --* ]]; do shift; done
exec "$@" --node-ip-address="${host:-127.0.0.13}" --object-store-memory=80000000
"""
STAND_INS = {"srun": SRUN, "scontrol": "#!/bin/bash\necho 127.0.0.12\necho 127.0.0.13\n"}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no address for each node")
def test_the_batch_script_trains_and_goes_on(tmp_path: Path) -> None:
    """Warned that its time is up, it saves; submitted again, it goes on from there."""
    (script,) = re.findall(r"```bash\n(#!/bin/bash.*?)```", PAGE, re.S)
    (tmp_path / "job.sh").write_text(script.replace(":6379", ":6397").replace("=6379", "=6397"))
    for name, text in STAND_INS.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    environment = {
        **os.environ,
        **QUIET,
        "PATH": os.pathsep.join([str(tmp_path), str(Path(sys.executable).parent), os.environ["PATH"]]),
        "SLURM_JOB_NODELIST": "two",
        "SLURM_JOB_NUM_NODES": "2",
        "SLURM_CPUS_PER_TASK": "1",
        "RUN": str(tmp_path / "run"),
        "WORDS": "--layers 4,6,1 --members 2 --steps 2000",
    }
    assert interrupted(tmp_path, environment) > 0
    assert "Going on with" not in (tmp_path / "told").read_text()
    assert interrupted(tmp_path, environment) > 0
    assert "Going on with" in (tmp_path / "told").read_text()


def interrupted(folder: Path, environment: dict[str, str]) -> int:
    """Submit the job, and tell it after a new state that its time is up. Returns the steps that were added."""
    job, before = Running("bash", folder / "job.sh", cwd=folder, env=environment), saved(folder)
    try:
        job.wait_for(lambda: saved(folder) > before)
        job.process.send_signal(signal.SIGTERM)
        assert job.process.wait() == 130
        (folder / "told").write_text(job.stderr)
    finally:
        end_steps(environment["RUN"])
        job.kill()
    assert f"--resume --out {environment['RUN']} --engine ray --address 127.0.0.12" in (folder / "told").read_text()
    return saved(folder) - before


def saved(folder: Path) -> int:
    """The steps in the states of the run, over its chunks."""
    return sum(int(read_tensors(path)[1]["step"]) for path in folder.glob("run/training/*/state.safetensors"))


def end_steps(run: str) -> None:
    """Kill what the job of this run has started, as Slurm does at its end."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("RUN") == run:
                process.kill()
