"""What is made from what: the artefacts of a config, their inputs, options and code."""

from motionfit.graph.artefacts import Artefact, Input, reached
from motionfit.graph.graph import Graph, Indexed, indexed, report_config, size_name
from motionfit.graph.needed import (
    Needed,
    graph_of_evaluations,
    needed_by_evaluations,
    needed_by_run,
)

__all__ = [
    "Artefact",
    "Graph",
    "Indexed",
    "Input",
    "Needed",
    "graph_of_evaluations",
    "indexed",
    "needed_by_evaluations",
    "needed_by_run",
    "reached",
    "report_config",
    "size_name",
]
