"""What is made from what: the artefacts of a config, their inputs, options and code."""

from motionfit.graph.artefacts import Artefact, Input, reached
from motionfit.graph.graph import Graph, Indexed, indexed, report_config, size_name

__all__ = [
    "Artefact",
    "Graph",
    "Indexed",
    "Input",
    "indexed",
    "reached",
    "report_config",
    "size_name",
]
