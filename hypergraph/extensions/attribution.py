"""Find the plugin or the library that raised an error.

Only loading plugins is guarded; calls into them are attributed afterwards.
"""

from __future__ import annotations

import sys
from traceback import walk_tb

from hypergraph.errors import PluginError
from hypergraph.extensions.registry import REGISTRIES, reason


def attribute_error(error: BaseException) -> PluginError | None:
    """An error that names the plugin in which `error` was raised, or which called what raised it, and the line there.

    None where the traceback has no line of an installed plugin.
    """
    frames = list(walk_tb(error.__traceback__))
    callers = {type(frame.f_locals.get("self")).__qualname__ for frame, _ in frames}
    plugins = [plugin for registry in REGISTRIES for plugin in registry.plugins() if not plugin.is_own]
    for frame, line in reversed(frames):
        package = _package(frame.f_globals.get("__name__", ""))
        owners = [plugin for plugin in plugins if _package(plugin.value) == package]
        if owners:
            # of several plugins in one package, the one whose method is running
            owner = next((plugin for plugin in owners if plugin.value.partition(":")[2] in callers), owners[0])
            return PluginError(f"{owner} raised {reason(error)} at {frame.f_code.co_filename}:{line}")
    return None


def explain(error: OSError | ImportError) -> str:
    """An error of the system in one line: the file, or else the library that raised it, and why."""
    if isinstance(error, OSError) and error.filename:
        return f"cannot use {error.filename}: {error.strerror}"
    packages = [_package(frame.f_globals.get("__name__", "")) for frame, _ in walk_tb(error.__traceback__)]
    library = next(package for package in reversed(packages) if package not in sys.stdlib_module_names)
    return f"cannot use {library}: {reason(error)}"


def _package(name: str) -> str:
    """The top-level package of a module, or of an entry point's value, `package.module:Class`."""
    return name.partition(":")[0].partition(".")[0]
