"""Every figure by name, and how a run gets those that its data allow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from hypergraph.errors import HypergraphError
from hypergraph.extensions.attribution import attribute_error
from hypergraph.figures.ablation import ablation
from hypergraph.figures.algorithms import algorithms, baseline
from hypergraph.figures.encoder import encoder, shuffle
from hypergraph.figures.material import FinishedRun
from hypergraph.figures.order_space import order_space
from hypergraph.figures.outcomes import outcomes
from hypergraph.figures.output import FigureOutput
from hypergraph.figures.phases import phases
from hypergraph.figures.rate import rate
from hypergraph.figures.sizes import sizes, unseen

FIGURES: dict[str, Callable[[FinishedRun], FigureOutput]] = {
    "algorithms": algorithms,
    "order-space": order_space,
    "phases": phases,
    "encoder": encoder,
    "sizes": sizes,
    "unseen": unseen,
    "baseline": baseline,
    "outcomes": outcomes,
    "rate": rate,
    "ablation": ablation,
    "shuffle": shuffle,
}


def draw(material: FinishedRun, names: Iterable[str]) -> Iterator[tuple[str, list[Path] | str]]:
    """Draw figures into the run's folder: of each, the files, or why there are none."""
    for name in names:
        try:
            yield name, FIGURES[name](material).write(material.run.figures, name)
        except HypergraphError as error:
            yield name, str(error)
        except (Exception, SystemExit) as error:  # a broken plugin must not cost the other figures
            yield name, str(attribute_error(error) or f"it raised {error!r}")
