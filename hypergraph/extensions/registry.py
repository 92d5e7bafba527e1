"""Plugins, found by entry point and imported only when one is used.

Listing reads the metadata of installed distributions; it imports no plugin and, like this module, no torch. Where two
distributions offer one name, `distribution/name` says which is meant. The environment variable `HYPERGRAPH_PLUGINS`
(`a,b`) hides every plugin that it does not name; set but empty, it hides all. What `hypergraph` itself offers in the
same way, such as its engine, is never hidden.
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

from importlib_metadata import EntryPoint, distribution, distributions

from hypergraph.errors import PluginError, UsageError
from hypergraph.extensions.options import make_options
from hypergraph.extensions.time_limit import TimeLimitExceeded, time_limit

if TYPE_CHECKING:
    from hypergraph.interfaces import Classifier, Task, Visualizer

ALLOWED = "HYPERGRAPH_PLUGINS"
LOAD_TIMEOUT_S = 60
"""Seconds that a plugin has to be imported, and again to be made; what it imports may lie on a slow network drive."""

P = TypeVar("P")
_log = logging.getLogger(__name__)


class UnknownPluginError(UsageError):
    """No installed plugin has this name."""


class PluginLoadError(PluginError):
    """An installed plugin that cannot be loaded, because it, or its name, is what `status` says."""

    def __init__(self, status: Literal["broken", "incompatible", "ambiguous"], message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Plugin:
    """What the metadata says about one plugin."""

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
        """A name that no plugin of another distribution shares."""
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
        """Every allowed plugin, by name and then distribution, from metadata alone."""
        found: dict[str, Plugin] = {}
        for candidate in distributions():
            # A half-removed or malformed distribution, maybe a stranger's, must not stop the others.
            try:
                if not candidate.entry_points.select(group=self._group):
                    continue
                dist = distribution(candidate.name)  # of two copies on the path, the one that Python imports
                summary = dist.metadata.get("Summary") or ""
                for entry in dist.entry_points.select(group=self._group):
                    plugin = Plugin(self.kind, entry.name, dist.name, dist.version, summary, entry.value)
                    found[plugin.qualified] = plugin
            except Exception as error:
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
            raise UnknownPluginError(self._unknown(name, plugins))
        if len(matches) > 1:
            owners = " and ".join(f"{p.distribution} {p.version}" for p in matches)
            choices = " or ".join(p.qualified for p in matches)
            raise PluginLoadError("ambiguous", f"{self.kind} {name!r} is offered by {owners}: write {choices}")
        return matches[0]

    def _unknown(self, name: str, plugins: list[Plugin]) -> str:
        names = dict.fromkeys(p.name for p in plugins)
        close = difflib.get_close_matches(name, [*names, *(p.qualified for p in plugins)])
        guess = f" (did you mean {' or '.join(close)}?)" if close else ""
        allowed = f" ({ALLOWED} is set and may hide others)" if ALLOWED in os.environ else ""
        return f"unknown {self.kind} {name!r}{guess}; installed: {', '.join(names) or 'none'}{allowed}"

    def load_class(self, name: str) -> type[P]:
        """Import the class of the plugin called `name` or `distribution/name`.

        Raises:
            UnknownPluginError: no plugin has this name.
            PluginLoadError: the name is ambiguous, or the plugin is broken or incompatible.
        """
        return self._import(self.find(name))

    def load(self, name: str, options: Mapping[str, Any] | None = None) -> P:
        """Import the class of a plugin, as :meth:`load_class` does, and call it; a task with some of its options set.

        Raises UsageError too, for wrong options.
        """
        return self.make(self.find(name), options)

    def make(self, plugin: Plugin, options: Mapping[str, Any] | None = None) -> P:
        """As :meth:`load`, of a plugin that was found."""
        cls: Any = self._import(plugin)
        arguments = [make_options(cls.Options, options)] if options else []
        with _naming(plugin):
            return cast(P, cls(*arguments))

    def _import(self, plugin: Plugin) -> type[P]:
        module, _, name = self._base.partition(":")
        base = getattr(importlib.import_module(module), name)
        with _naming(plugin):
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
ENGINES: Registry[Any] = Registry("engine", "hypergraph.engines.base:Engine")  # whose type is of a higher layer
REGISTRIES: tuple[Registry[Any], ...] = (TASKS, CLASSIFIERS, VISUALIZERS, ENGINES)


def classifier_for(task: str) -> Classifier | None:
    """Load the classifier of a task: the one of the same name if it declares that task, else the first that does.

    Classifiers that cannot be loaded are passed over, with a logged warning.
    """
    bare = task.rpartition("/")[2]
    for name in dict.fromkeys([task, bare, *CLASSIFIERS.names()]):
        try:
            plugin = CLASSIFIERS.find(name)
            classifier = CLASSIFIERS.make(plugin)
            with _naming(plugin):
                fits = classifier.task == bare
            if fits:
                return classifier
        except UnknownPluginError:
            continue
        except PluginError as error:
            warn_skipped(str(error))
    return None


def working_visualizers() -> list[Visualizer]:
    """All visualizers that can be loaded; the others are passed over, with a logged warning."""
    loaded = []
    for plugin in VISUALIZERS.plugins():
        try:
            loaded.append(VISUALIZERS.make(plugin))
        except PluginError as error:
            warn_skipped(str(error))
    return loaded


_hung: set[Plugin] = set()
"""Plugins that were waited for in vain, once in a process."""


@functools.cache
def warn_skipped(told: str) -> None:
    """Warn of a plugin that is left out, once in a process."""
    _log.warning("passed over: %s", told)


@contextlib.contextmanager
def _naming(plugin: Plugin) -> Iterator[None]:
    """Turn whatever the plugin's code raises, or that it does not end in time, into a PluginLoadError."""
    expired = TimeLimitExceeded()
    try:
        if plugin in _hung:
            raise expired
        with time_limit(LOAD_TIMEOUT_S, expired):
            yield
    except KeyboardInterrupt:
        raise
    except TimeLimitExceeded as error:
        if error is not expired:  # it is that of a plugin which loads this one
            raise
        _hung.add(plugin)
        message = f"{plugin} is broken: loading it did not end within {LOAD_TIMEOUT_S} s"
        raise PluginLoadError("broken", message) from None
    except BaseException as error:  # Exception would let sys.exit through
        raise PluginLoadError("broken", f"{plugin} is broken: {reason(error)}") from error


def reason(error: BaseException) -> str:
    """The type of an error and what it says, in one line, even where its __str__ is broken."""
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
