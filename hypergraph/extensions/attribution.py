"""Which plugin an error comes from, told by its traceback: importing a plugin is watched, calling one is not."""

from __future__ import annotations

from traceback import walk_tb

from hypergraph.errors import PluginError
from hypergraph.extensions.registry import REGISTRIES, Plugin, reason


def attribute_error(error: BaseException) -> PluginError | None:
    """What to tell of an error raised in a plugin, or in what one called: the plugin, the error, and the plugin's line.

    None where no line of an installed plugin is in the traceback.
    """
    frames = list(walk_tb(error.__traceback__))
    callers = {type(frame.f_locals.get("self")).__qualname__ for frame, _ in frames}
    plugins = [plugin for registry in REGISTRIES for plugin in registry.plugins() if not plugin.is_own]
    for frame, line in reversed(frames):
        package = _package(frame.f_globals.get("__name__", ""))
        owners = [plugin for plugin in plugins if _package(plugin.value) == package]
        if owners:
            owner = next((plugin for plugin in owners if _class(plugin) in callers), owners[0])
            return PluginError(f"{owner} raised {reason(error)} at {frame.f_code.co_filename}:{line}")
    return None


def _package(name: str) -> str:
    """The top level of a module, or of an entry point's value, package.module:Class."""
    return name.partition(":")[0].partition(".")[0]


def _class(plugin: Plugin) -> str:
    return plugin.value.partition(":")[2]
