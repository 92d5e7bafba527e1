"""Every figure by name, and how a run gets those that its data allow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from hypergraph.analysis.finished import FinishedRun
from hypergraph.errors import HypergraphError
from hypergraph.extensions.attribution import attribute_error
from hypergraph.figures.ablation import ablation
from hypergraph.figures.algorithms import algorithms, baseline
from hypergraph.figures.encoder import encoder, shuffle
from hypergraph.figures.order_space import order_space
from hypergraph.figures.outcomes import outcomes
from hypergraph.figures.output import FigureOutput
from hypergraph.figures.phases import phases
from hypergraph.figures.rate import rate
from hypergraph.figures.sizes import sizes, unseen
from hypergraph.runs.events import Drawn, NotDrawn

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


def draw(run: FinishedRun, names: Iterable[str]) -> Iterator[Drawn | NotDrawn]:
    """Draw figures into the run's folder; what they need and is not measured yet is measured and kept.

    Raises PluginError where the run's task cannot be loaded, MissingDataError where all of its networks diverged.
    """
    _ = run.task, run.networks  # without them there is no figure
    return (_drawn(run, name) for name in names)


def _drawn(run: FinishedRun, name: str) -> Drawn | NotDrawn:
    try:
        return Drawn(name, tuple(FIGURES[name](run).write(run.directory.figures, name)))
    except HypergraphError as error:
        return NotDrawn(name, str(error))
    except (Exception, SystemExit) as error:  # a broken plugin must not cost the other figures
        return NotDrawn(name, str(attribute_error(error) or f"it raised {error!r}"))
