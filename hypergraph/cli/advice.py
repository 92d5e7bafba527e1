"""Errors as a user of the command line reads them: with the options that avoid them."""

from __future__ import annotations

from hypergraph.errors import (
    EncoderError,
    HypergraphError,
    NoActivationError,
    NotFinishedError,
    RunExistsError,
)


def advised(error: HypergraphError) -> str:
    """The message of an error and, where some options avoid it, these."""
    return f"{error}{_advice(error)}"


def _advice(error: HypergraphError) -> str:
    if isinstance(error, EncoderError):
        return " (--decoder-only)"
    if isinstance(error, NoActivationError):
        return " with --activation"
    if isinstance(error, RunExistsError):
        return ": continue it with --resume, or choose another --out"
    if isinstance(error, NotFinishedError):
        return f": go on with hypergraph run {error.task} --resume --out {error.path}"
    return ""
