"""python -m hypergraph: the command line."""

from hypergraph.cli import main

main()
