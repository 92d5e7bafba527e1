"""Plugins: found by entry point, imported only when used.

Listing plugins reads the metadata of installed distributions and imports neither a plugin nor torch. Where two
distributions offer the same name, write `distribution/name`. The environment variable `HYPERGRAPH_PLUGINS` (`a,b`)
hides all plugins that it does not name; an empty value hides all. Plugins of `hypergraph` itself are never hidden.
"""

from __future__ import annotations

import contextlib
import difflib
import functools
import importlib
import logging
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from traceback import TracebackException
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, cast

from hypergraph.errors import PluginError, UsageError
from hypergraph.extensions.time_limit import TimeLimitExceeded, time_limit

if TYPE_CHECKING:
    from hypergraph.interfaces import Classifier, Task, Visualizer

ALLOWED = "HYPERGRAPH_PLUGINS"
LOAD_TIMEOUT_S = 60
"""Seconds for importing a plugin, and again for making it; imports may be read over a slow network."""

P = TypeVar("P")
_log = logging.getLogger(__name__)


class UnknownPluginError(UsageError):
    """No installed plugin has this name."""


class PluginLoadError(PluginError):
    """An installed plugin cannot be loaded; `status` says why."""

    def __init__(self, status: Literal["broken", "incompatible", "ambiguous"], message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Plugin:
    """One plugin, as its distribution's metadata describe it."""

    kind: str
    name: str
    distribution: str
    version: str
    summary: str
    value: str

    @property
    def is_own(self) -> bool:
        """Whether it is a part of hypergraph itself."""
        return self.value.startswith("hypergraph.")

    @property
    def qualified(self) -> str:
        """`distribution/name`, which is unique."""
        return _normalise(f"{self.distribution}/{self.name}")

    def __str__(self) -> str:
        return f"{self.kind} {self.name!r} of {self.distribution} {self.version} ({self.value})"


class Registry(Generic[P]):
    """The plugins of one kind: subclasses of `base`, written `module:Class`, in the group `hypergraph.<kind>s`."""

    def __init__(self, kind: str, base: str) -> None:
        self.kind = kind
        self._base = base
        self._group = f"hypergraph.{kind}s"

    def plugins(self) -> list[Plugin]:
        """All allowed plugins, by name and then distribution, read from metadata alone."""
        from importlib_metadata import distribution, distributions  # help texts do without

        found: dict[str, Plugin] = {}
        for candidate in distributions():
            try:
                if not candidate.entry_points.select(group=self._group):
                    continue
                dist = distribution(candidate.name)  # of two copies on the path, the one that Python imports
                about = dist.metadata  # parsed at each access
                owner = about["Name"], about["Version"], about.get("Summary") or ""
                for entry in dist.entry_points.select(group=self._group):
                    plugin = Plugin(self.kind, entry.name, *owner, entry.value)
                    found[plugin.qualified] = plugin
            except Exception as error:  # a malformed distribution must not stop the others
                _log.debug("skipped an unreadable distribution: %r", error)
        return sorted(filter(_is_allowed, found.values()), key=lambda p: (p.name, p.qualified))

    def names(self) -> list[str]:
        """The names of all allowed plugins, sorted."""
        return list(dict.fromkeys(p.name for p in self.plugins()))

    def find(self, name: str) -> Plugin:
        """Look up `name` or `distribution/name`. Raises UnknownPluginError, PluginLoadError."""
        plugins = self.plugins()
        matches = [p for p in plugins if name == p.name or _normalise(name) == p.qualified]
        if not matches:
            names = dict.fromkeys(p.name for p in plugins)
            close = difflib.get_close_matches(name, [*names, *(p.qualified for p in plugins)])
            guess = f" (did you mean {' or '.join(close)}?)" if close else ""
            hidden = f" ({ALLOWED} is set and may hide others)" if ALLOWED in os.environ else ""
            installed = ", ".join(names) or "none"
            raise UnknownPluginError(f"unknown {self.kind} {name!r}{guess}; installed: {installed}{hidden}")
        if len(matches) > 1:
            owners = " and ".join(f"{p.distribution} {p.version}" for p in matches)
            choices = " or ".join(p.qualified for p in matches)
            raise PluginLoadError("ambiguous", f"{self.kind} {name!r} is offered by {owners}: write {choices}")
        return matches[0]

    def load_class(self, name: str) -> type[P]:
        """Import the class of the plugin called `name` or `distribution/name`.

        Raises:
            UnknownPluginError: no plugin has this name.
            PluginLoadError: the name is ambiguous, or the plugin is broken or incompatible.
        """
        return self._import(self.find(name))

    def load(self, name: str, options: Mapping[str, Any] | None = None) -> P:
        """Make an instance of a plugin's class, with some of its options set.

        Raises what `load_class` raises, and UsageError for wrong options.
        """
        return self.make(self.find(name), options)

    def make(self, plugin: Plugin, options: Mapping[str, Any] | None = None) -> P:
        """As `load`, for a plugin that was found already."""
        from hypergraph.extensions.options import make_options

        cls: Any = self._import(plugin)
        arguments = [make_options(cls.Options, options)] if options else []
        with _attributed(plugin):
            return cast(P, cls(*arguments))

    def _import(self, plugin: Plugin) -> type[P]:
        from importlib_metadata import EntryPoint

        module, _, name = self._base.partition(":")
        base = getattr(importlib.import_module(module), name)
        with _attributed(plugin):
            cls: Any = EntryPoint(plugin.name, plugin.value, self._group).load()
        if not isinstance(cls, type) or not issubclass(cls, base):
            raise PluginLoadError("incompatible", f"{plugin} is not a subclass of {module}.{name}")
        api = getattr(cls, "api", None)
        if api != base.api:
            raise PluginLoadError("incompatible", f"{plugin} has api {api!r}, this hypergraph has {base.api}")
        return cast(type[P], cls)


TASKS: Registry[Task] = Registry("task", "hypergraph.interfaces:Task")
CLASSIFIERS: Registry[Classifier] = Registry("classifier", "hypergraph.interfaces:Classifier")
VISUALIZERS: Registry[Visualizer] = Registry("visualizer", "hypergraph.interfaces:Visualizer")
ENGINES: Registry[Any] = Registry("engine", "hypergraph.engines.base:Engine")  # its type is in a higher layer
REGISTRIES: tuple[Registry[Any], ...] = (TASKS, CLASSIFIERS, VISUALIZERS, ENGINES)


def classifier_for(task: str) -> Classifier | None:
    """Load the classifier of a task: the one of the same name if it declares that task, else the first that does.

    Classifiers that cannot be loaded are skipped with a logged warning.
    """
    bare = task.rpartition("/")[2]
    for name in dict.fromkeys([task, bare, *CLASSIFIERS.names()]):
        try:
            plugin = CLASSIFIERS.find(name)
            classifier = CLASSIFIERS.make(plugin)
            with _attributed(plugin):
                if classifier.task == bare:
                    return classifier
        except UnknownPluginError:
            continue
        except PluginError as error:
            warn_skipped(str(error))
    return None


def working_visualizers() -> list[Visualizer]:
    """Load all visualizers; those that cannot be loaded are skipped with a logged warning.

    Raises PluginError where there are some and none can be loaded.
    """
    loaded: list[Visualizer] = []
    broken: list[PluginError] = []
    for plugin in VISUALIZERS.plugins():
        try:
            loaded.append(VISUALIZERS.make(plugin))
        except PluginError as error:
            broken.append(error)
    if broken and not loaded:
        raise PluginError("; ".join(map(str, broken)))
    for skipped in broken:
        warn_skipped(str(skipped))
    return loaded


_hung: set[Plugin] = set()
"""Plugins that exceeded the time limit, which this process does not try again."""


@functools.cache
def warn_skipped(message: str) -> None:
    """Warn about a plugin that is skipped, once in a process."""
    _log.warning("passed over: %s", message)


@contextlib.contextmanager
def _attributed(plugin: Plugin) -> Iterator[None]:
    """Run the plugin's code under the time limit, and turn whatever it raises into a PluginLoadError."""
    expired = TimeLimitExceeded()
    try:
        if plugin in _hung:
            raise expired
        with time_limit(LOAD_TIMEOUT_S, expired):
            yield
    except KeyboardInterrupt:
        raise
    except TimeLimitExceeded as error:
        if error is not expired:  # the limit of another plugin, which loads this one
            raise
        _hung.add(plugin)
        message = f"{plugin} is broken: loading it did not end within {LOAD_TIMEOUT_S} s"
        raise PluginLoadError("broken", message) from None
    except BaseException as error:  # sys.exit raises no Exception
        raise PluginLoadError("broken", f"{plugin} is broken: {reason(error)}") from error


def reason(error: BaseException) -> str:
    """The type and the message of an error in one line, even where its __str__ is broken."""
    text = str(TracebackException(type(error), error, None))
    return " ".join(f"{type(error).__name__}: {text}".split()).removesuffix(":")


def _normalise(qualified: str) -> str:
    """Write the distribution of `distribution/name` as package indexes compare it."""
    owner, slash, name = qualified.partition("/")
    return re.sub(r"[-_.]+", "-", owner).lower() + slash + name


def _is_allowed(plugin: Plugin) -> bool:
    allowed = os.environ.get(ALLOWED)
    if allowed is None or plugin.is_own:
        return True
    names = [name.strip() for name in allowed.split(",")]
    return plugin.name in names or plugin.qualified in map(_normalise, names)
