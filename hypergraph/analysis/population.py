"""Sweep the price beta in a large run: chunk by chunk into a table, with the files of a sample of the members alone."""

from __future__ import annotations

import json
from collections.abc import Sequence

from hypergraph.analysis.kept import analysis_versions
from hypergraph.analysis.measure import Sample, generate
from hypergraph.analysis.sweep import BETA_GRID, STAGE, Sweep, sweep_chunk, write_networks
from hypergraph.runs.config import RunConfig
from hypergraph.runs.directory import Chunk, RunDirectory
from hypergraph.runs.events import Observer, ignore
from hypergraph.runs.jobs import Map, doing, map_here
from hypergraph.runs.records import NetworkRecord, Provenance
from hypergraph.runs.result import load_members
from hypergraph.runs.table import encode_table, is_made_by, join_tables, read_records
from hypergraph.spec import MLPSpec
from hypergraph.storage.atomic import write_bytes
from hypergraph.torch_state import torch_threads, usual_torch


@usual_torch()
def sweep_population(
    run: RunDirectory, each: Map = map_here, observe: Observer = ignore
) -> tuple[list[NetworkRecord], list[Provenance]]:
    """Sweep all members into the run's table: the records of the sample, and where this call swept.

    Each chunk is kept in its folder until all are swept, so that a later call goes on after an interrupt. Raises
    FileError, PluginError.
    """
    places = list[Provenance]()
    made_by = json.dumps(analysis_versions(run.config.task), sort_keys=True)
    if not is_made_by(run.table, made_by):
        chunks = {chunk.name: chunk for chunk in run.chunks if not is_made_by(chunk.swept, made_by)}
        jobs = {name: Sweep.of(run, chunk) for name, chunk in chunks.items()}
        with doing(each, run, sweep_chunk, jobs, STAGE, observe) as results:
            for name, swept in results:
                write_networks(run, swept)
                _write_rows(run.config, chunks[name], swept.records, made_by)
                places.append(swept.place)
        join_tables([chunk.swept for chunk in run.chunks], run.table, made_by)
    for chunk in run.chunks:
        chunk.swept.unlink(missing_ok=True)
    return read_records(run.table, row_count(run.config), set(run.config.sample)), places


def _write_rows(config: RunConfig, chunk: Chunk, records: Sequence[NetworkRecord], made_by: str) -> None:
    """Write the table of a chunk, after the files that it names. Raises FileError."""
    rows = sorted(records, key=lambda record: (record.member, record.beta))
    write_bytes(chunk.swept, encode_table(rows, {*config.sampled(chunk.members)}, made_by))


def row_count(config: RunConfig) -> int:
    """The rows of the table of a large run."""
    return config.members * len(BETA_GRID)


@usual_torch()
def generate_again(
    run: RunDirectory,
    member: int,
    beta: float,
    *,
    seed: int | None = None,
    spec: MLPSpec | None = None,
    encoder: bool | None = None,
) -> Sample:
    """The network of one member of a large run, and its information: to the bits of the sweep unless others are asked.

    All members of its chunk are generated, because their number decides how sums are rounded. `seed` and `spec` are
    the run's own if None. Raises FileError.
    """
    config, chunk = run.config, run.chunk_of(member)
    generator, seed = load_members(chunk.trained, config, len(chunk.members)), config.seed if seed is None else seed
    use = generator.has_encoder and encoder is not False
    with torch_threads(config.threads):
        networks, kl = generate(
            generator, beta, seed=seed, members=chunk.members, spec=spec or config.spec, encoder=use
        )
    index = member - chunk.members[0]
    return Sample(networks[index], kl[index])
