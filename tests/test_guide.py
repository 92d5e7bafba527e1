"""The author's guide does what it says: its files make a project that installs, passes its tests and runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from processes import finished

pytestmark = pytest.mark.slow
GUIDE = (Path(__file__).parents[1] / "docs" / "writing-a-task.md").read_text()
FILES = re.findall(r"```(?:toml|python)\n# ([\w./-]+)\n(.*?)```", GUIDE, re.S)
(COMMANDS,) = re.findall(r"```sh\n(.*?)```", GUIDE, re.S)
BRIEF = {
    "run distance --out": "run distance --steps 20 --members 1 --out",
    "--members 1 --out": "--members 1 --steps 2 --out",
}
"""What the test changes in the commands: a training of a few steps in place of one of some minutes."""


def shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    site = folder / "site"
    environment = {**os.environ, "PYTHONPATH": str(site), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    # the environment of these tests stays as it is: the project goes into a folder beside it
    command = command.replace("pip install .", f"pip install --quiet --no-deps --no-build-isolation --target {site} .")
    return finished("sh", "-c", command, cwd=folder, env=environment)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("guide")
    for name, text in FILES:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_every_block_of_code_is_a_file_of_the_project() -> None:
    assert len(re.findall("```", GUIDE)) == 2 * (len(FILES) + 1)
    assert {name for name, _ in FILES} >= {"pyproject.toml", "hypergraph_distance/task.py", "tests/test_distance.py"}


def test_the_commands_work_in_order(project: Path) -> None:
    commands = COMMANDS.splitlines()
    for command in commands:
        for long, short in BRIEF.items():
            command = command.replace(long, short)
        done = shell(command, project)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    assert (project / "best.svg").stat().st_size > 0
    assert {path.suffix for path in (project / "runs/distance/figures").glob("algorithms.*")} == {
        ".svg",
        ".png",
        ".csv",
    }
