"""What is in a folder, to see whether anything was written there: root may write whatever the modes say."""

from __future__ import annotations

from pathlib import Path


def state_of(folder: Path) -> dict[str, tuple[int, ...]]:
    """Every file and folder in a folder and itself: when and how it was changed last."""
    states = {str(path): path.lstat() for path in (folder, *folder.rglob("*"))}
    return {name: (state.st_mtime_ns, state.st_ino, state.st_size, state.st_mode) for name, state in states.items()}
