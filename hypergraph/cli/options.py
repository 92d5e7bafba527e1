"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

Seed = Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Every random number follows from it.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
