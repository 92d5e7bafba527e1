"""The address of a cluster's head."""

from __future__ import annotations

import socket

from hypergraph.errors import HypergraphError

CONNECT_S = 10
"""Seconds in which the head must answer."""


def check_answers(address: str) -> None:
    """Raise HypergraphError unless somebody answers at HOST:PORT."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or "/" in host:
        raise HypergraphError(
            f"address is {address!r}: expected HOST:PORT of the cluster's head, such as 10.0.0.1:6379"
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_S).close()
    except (OSError, OverflowError) as error:
        raise HypergraphError(f"no cluster answers at {address}: {error}") from None
