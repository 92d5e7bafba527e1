"""Checks for plugin authors: call one from a test of your plugin; it raises AssertionError naming the fault."""

from hypergraph.testing.classifier import check_classifier
from hypergraph.testing.engine import check_engine
from hypergraph.testing.task import check_task
from hypergraph.testing.visualizer import check_visualizer

__all__ = ["check_classifier", "check_engine", "check_task", "check_visualizer"]
