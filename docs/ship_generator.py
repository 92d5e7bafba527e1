"""Ships a member of a finished run, with a card: python docs/ship_generator.py RUN MEMBER FILE.safetensors."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from hypergraph.model.generator import Generator

CARD = """\
# {name}

Member {member} of `hypergraph run {task} --members {members} --steps {steps} --seed {seed}`, network {spec}, made with
torch {torch}.

| beta | algorithm | loss | KL (nats) | loss, encoder ignored |
|---|---|---|---|---|
"""
EVERY = 5
"""The card shows every fifth price of the sweep."""


def ship(run: Path, member: int, target: Path) -> None:
    """Write the generator of one member, and what was measured on it."""
    result = json.loads((run / "result.json").read_text())
    generator, metadata = Generator.load(run / "generator.safetensors")
    generator.member(member).save(target, {name: metadata[name] for name in ("task", "seed")} | {"member": str(member)})
    card = CARD.format(
        name=target.stem,
        member=member,
        steps=result["recipe"]["steps"],
        spec=",".join(map(str, result["spec"]["sizes"])),
        torch=result["versions"]["torch"],
        **{name: result[name] for name in ("task", "members", "seed")},
    )
    networks = sorted((n for n in result["networks"] if n["member"] == member), key=lambda network: network["beta"])
    row = "| {beta:.0e} | {algorithm} | {loss:.4f} | {kl:.1f} | {decoder_loss:.2f} |\n"
    target.with_suffix(".md").write_text(card + "".join(row.format(**network) for network in networks[::EVERY]))


if __name__ == "__main__":
    ship(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
