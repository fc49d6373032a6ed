"""How a method of `Graph` describes the jobs of a rule."""

from collections.abc import Callable, Mapping
from functools import wraps
from inspect import signature
from typing import TYPE_CHECKING, Any

from motionfit.graph.artefacts import Artefact, Input, Inputs
from motionfit.stage_names import stage_module

if TYPE_CHECKING:
    from motionfit.graph.graph import Graph

Finders = dict[str, Callable[[], Input]]
"""Name of an input to what finds it."""


class Job:
    """What a method of `Graph` says of the job that makes an artefact."""

    def __init__(
        self,
        path: str,
        options: Mapping[str, Any],
        finders: Finders | None = None,
        *more_code: str,
    ):
        """`more_code`: modules that the stage's own module imports late."""
        self.path = path
        self.options = options
        self.finders = finders or {}
        self.more_code = more_code


def kept(method: Callable[..., Any]) -> Callable[..., Any]:
    """Has an object keep what a method returned for each set of arguments."""
    bind = signature(method).bind

    @wraps(method)
    def look_up(self: "Graph", *arguments: Any, **named: Any) -> Any:
        key = (method.__name__, *bind(self, *arguments, **named).args[1:])
        if key not in self._kept:
            self._kept[key] = method(self, *key[1:])
        return self._kept[key]

    return look_up


def of_rule(method: Callable[..., Job]) -> Callable[..., Artefact]:
    """Turns the `Job` that a method returns into its artefact. The method has the name of the rule
    and of its stage, and its parameters are the rule's wildcards."""
    rule, names = method.__name__, list(signature(method).parameters)[1:]

    @kept
    @wraps(method)
    def made(self: "Graph", *values: Any) -> Artefact:
        job = method(self, *values)
        code = (stage_module(rule), *job.more_code)
        wildcards = dict(zip(names, values, strict=True))
        return Artefact(rule, wildcards, job.path, job.options, code, Inputs(job.finders))

    return made
