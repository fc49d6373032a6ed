"""What some results are made from, in terms of the config: names, splits and sizes, not shards."""

from collections.abc import Iterable, Sequence
from typing import Any

from motionfit.config import Config
from motionfit.graph.artefacts import Artefact, reached
from motionfit.graph.graph import Graph


class Needed:
    """All that some artefacts are made from, and these artefacts, each once, in the order in which
    a walk from them meets it."""

    def __init__(self, targets: Iterable[Artefact]):
        self.artefacts = reached(targets)

    def of(self, *rules: str) -> list[tuple[Any, ...]]:
        """The wildcards of the artefacts of some rules, each once: for example name and split of a
        model. Shards do not count."""
        found = (
            tuple(value for key, value in made.wildcards.items() if key not in ("shard", "shards"))
            for made in self.artefacts
            if made.rule in rules
        )
        return list(dict.fromkeys(found))

    def splits(self, *rules: str) -> dict[str, list[int]]:
        """Name of each artefact of some rules to its splits, in ascending order."""
        splits: dict[str, list[int]] = {}
        for name, split in self.of(*rules):
            splits[name] = sorted([*splits.get(name, []), split])
        return splits

    @property
    def datasets(self) -> list[str]:
        return [dataset for (dataset,) in self.of("index")]


def needed_by_run(config: Config, targets: Sequence[str] = ()) -> Needed:
    """What tables and figures of a config are made from. Without names, what the report, which has
    all of them, is made from."""
    return Needed(Graph(config).targets(targets))


def needed_by_evaluations(config: Config) -> Needed:
    """What the evaluations of a config are made from, whatever its tables show."""
    graph = graph_of_evaluations(config)
    return Needed(graph.metrics(name) for name in config.evaluations)


def graph_of_evaluations(config: Config) -> Graph:
    """The graph of a config without tables, and so without the copies for other seeds."""
    return Graph(config.model_copy(update={"tables": {}, "figures": {}}))
