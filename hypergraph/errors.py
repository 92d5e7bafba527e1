"""The errors a user can cause and mend. Each message is one line: what was wrong, where, what would be right."""


class HypergraphError(Exception):
    """The base of all errors that the command line prints without a traceback. Exit status 1."""

    exit_code = 1


class UsageError(HypergraphError):
    """An argument that can never work. Exit status 2."""

    exit_code = 2


class SpecError(UsageError):
    """A network that cannot be described or built."""


class FileError(HypergraphError):
    """A file or folder that is missing, unreadable, unwritable or holds something else than it should."""


class PluginError(HypergraphError):
    """A plugin that is unknown, broken, incompatible or ambiguous."""
