"""All figures by name, and drawing those that a run's data allow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from hypergraph.analysis.finished import FinishedRun
from hypergraph.errors import HypergraphError
from hypergraph.extensions.attribution import attribute_error
from hypergraph.figures.ablation import ablation
from hypergraph.figures.algorithms import algorithms, baseline
from hypergraph.figures.curves import encoder, rate, shuffle
from hypergraph.figures.families import families
from hypergraph.figures.order_space import order_space
from hypergraph.figures.output import FigureOutput
from hypergraph.figures.phases import outcomes, phases
from hypergraph.figures.sizes import sizes, unseen
from hypergraph.runs.events import Drawn, NotDrawn

_FUNCTIONS = (
    algorithms,
    order_space,
    phases,
    families,
    encoder,
    sizes,
    unseen,
    baseline,
    outcomes,
    rate,
    ablation,
    shuffle,
)
FIGURES: dict[str, Callable[[FinishedRun], FigureOutput]] = {f.__name__.replace("_", "-"): f for f in _FUNCTIONS}


def draw(run: FinishedRun, names: Iterable[str], out: Path | None = None) -> Iterator[Drawn | NotDrawn]:
    """Draw figures into the folder `out`, by default the run's own, after the analyses that they need.

    Raises PluginError where the run's task cannot be loaded, MissingDataError where all of its networks diverged.
    """
    _ = run.task, run.networks  # every figure needs them
    return (_drawn(run, name, out or run.directory.figures) for name in names)


def _drawn(run: FinishedRun, name: str, folder: Path) -> Drawn | NotDrawn:
    try:
        return Drawn(name, tuple(FIGURES[name](run).write(folder, name, run.config.sample_note)))
    except HypergraphError as error:
        return NotDrawn(name, str(error))
    except (Exception, SystemExit) as error:  # a broken plugin must not prevent the other figures
        return NotDrawn(name, str(attribute_error(error) or f"it raised {error!r}"))
