"""Ships a member of a finished run, with a card: python docs/ship_generator.py RUN MEMBER FILE.safetensors."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hypergraph.extensions.registry import TASKS
from hypergraph.model.generator import Generator
from hypergraph.runs.directory import RunDirectory
from hypergraph.spec import MLPSpec
from hypergraph.training.recipe import PRESETS

CARD = """\
# {name}

Member {member} of `{command}`, made with torch {torch}: {steps:,} steps, seed {seed}.

"""
EVERY = 5
"""The card shows every fifth price or size, and every price at which the algorithm changes."""
BY_PRICE = """\
| beta | algorithm | loss | KL (nats) | loss, encoder ignored |
|---|---|---|---|---|
"""
BY_SIZE = """\
It has no encoder: `generate` makes networks of any size from it. Losses, means over 4 networks each:

| inputs | hidden | trained on | loss |
|---|---|---|---|
"""


def ship(run: RunDirectory, member: int, target: Path) -> None:
    """Write the generator of one member, and what was measured on it."""
    result = json.loads(run.result.read_text())
    generator, metadata = Generator.load(run.generator)
    one = generator.member(member)
    one.save(target, {name: metadata[name] for name in ("task", "seed")} | {"member": str(member)})
    card = CARD.format(
        name=target.stem,
        member=member,
        command=command(result),
        steps=result["recipe"]["steps"],
        torch=result["versions"]["torch"],
        seed=result["seed"],
    )
    rows = _by_price(result, member) if one.has_encoder else _by_size(run, member)
    target.with_suffix(".md").write_text(card + "".join(rows))


def command(result: dict[str, Any]) -> str:
    """What to type for this run; ranges of networks are written out."""
    recipe, specs = result["recipe"], [MLPSpec.from_fields(spec) for spec in result["specs"]]
    wiring = tuple(recipe["wiring"]) if isinstance(recipe["wiring"], list) else recipe["wiring"]
    preset = next((name for name, preset in PRESETS.items() if preset.recipe.wiring == wiring), "quick")
    options = [f"--preset {preset} --members {result['members']} --steps {recipe['steps']} --seed {result['seed']}"]
    if wiring != PRESETS[preset].recipe.wiring:
        options.append(f"--wiring {wiring}")
    task, usual = TASKS.load(result["task"], result["options"]), TASKS.load(result["task"]).options
    options += [f"--set {name}={value}" for name, value in result["options"].items() if value != getattr(usual, name)]
    layers = [] if specs == [task.default_spec] else [f"--layers {spec}" for spec in specs]
    return " ".join([f"hypergraph run {result['task']}", *options, *layers])


def _by_price(result: dict[str, Any], member: int) -> Iterable[str]:
    networks = sorted((n for n in result["networks"] if n["member"] == member), key=lambda network: network["beta"])
    row = "| {beta:.1e} | {algorithm} | {loss:.4f} | {kl:.1f} | {decoder_loss:.3g} |\n"
    before = [None, *(network["algorithm"] for network in networks)]
    shown = [n for place, n in enumerate(networks) if place % EVERY == 0 or n["algorithm"] != before[place]]
    return BY_PRICE, *(row.format(**{**network, "kl": max(0.0, network["kl"])}) for network in shown)


def _by_size(run: RunDirectory, member: int) -> Iterable[str]:
    with (run.figures / "unseen.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if int(row["member"]) == member][::EVERY]
    seen = {"True": "yes", "False": "no"}
    row = "| {inputs} | {hidden} | {seen} | {loss:.3f} |\n"
    return BY_SIZE, *(row.format(**{**r, "seen": seen[r["trained"]], "loss": float(r["own"])}) for r in rows)


if __name__ == "__main__":
    ship(RunDirectory.open(Path(sys.argv[1])), int(sys.argv[2]), Path(sys.argv[3]))
