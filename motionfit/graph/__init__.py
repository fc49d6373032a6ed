"""What is made from what: the artefacts of a config, their inputs, options and code."""

from motionfit.graph.artefacts import Artefact, Input, reached
from motionfit.graph.graph import Graph
from motionfit.graph.indexes import Indexed, indexed
from motionfit.graph.needed import (
    Needed,
    graph_of_evaluations,
    needed_by_evaluations,
    needed_by_run,
)
from motionfit.graph.recipes import report_config, size_name
from motionfit.graph.states import State, differences, record_of, state_of
