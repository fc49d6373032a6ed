"""What some results are made from, in terms of the config: names, splits and sizes, not shards."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from motionfit.config import Config, Size
from motionfit.graph.artefacts import Artefact, reached
from motionfit.graph.graph import Graph

T = TypeVar("T")


class Needed:
    """All that some artefacts are made from, and these artefacts, each once, in the order in which
    a walk from them meets it."""

    def __init__(self, targets: Iterable[Artefact]):
        self.artefacts = reached(targets)

    def of(self, *rules: str) -> list[tuple[str, int]]:
        """Name and split of each artefact of some rules, which make one artefact per split."""
        found = []
        for artefact in self._made_by(*rules):
            [name] = [value for key, value in artefact.wildcards.items() if key != "split"]
            found.append((name, artefact.wildcards["split"]))
        return found

    def splits(self, *rules: str) -> dict[str, list[int]]:
        """Name of each artefact of some rules to its splits, in ascending order."""
        splits: dict[str, list[int]] = {}
        for name, split in self.of(*rules):
            splits[name] = sorted([*splits.get(name, []), split])
        return splits

    @property
    def datasets(self) -> list[str]:
        return [artefact.wildcards["dataset"] for artefact in self._made_by("index")]

    @property
    def frames(self) -> list[tuple[str, Size]]:
        """Data set and frame size."""
        return once(
            (a.wildcards["dataset"], size_of(a.wildcards["size"])) for a in self._made_by("frames")
        )

    @property
    def flow(self) -> list[tuple[str, str]]:
        """Data set and name of the flow."""
        return once((a.wildcards["dataset"], a.wildcards["flow"]) for a in self._made_by("flow"))

    @property
    def features(self) -> list[tuple[str, int, str]]:
        """Motion model, split and data set."""
        return once(
            (a.wildcards["motion_model"], a.wildcards["split"], a.wildcards["dataset"])
            for a in self._made_by("features")
        )

    @property
    def metrics(self) -> list[str]:
        """Evaluations whose splits are joined."""
        return [artefact.wildcards["evaluation"] for artefact in self._made_by("metrics")]

    def _made_by(self, *rules: str) -> list[Artefact]:
        return [artefact for artefact in self.artefacts if artefact.rule in rules]


def needed_by_run(config: Config, targets: Sequence[str] = ()) -> Needed:
    """What tables and figures of a config are made from; without names, what all of them and the
    report are made from."""
    return Needed(Graph(config).targets(targets))


def needed_by_evaluations(config: Config) -> Needed:
    """What the evaluations of a config are made from, whatever its tables show."""
    graph = graph_of_evaluations(config)
    return Needed(graph.metrics(name) for name in config.evaluations)


def graph_of_evaluations(config: Config) -> Graph:
    """The graph of a config without tables, and so without the copies for other seeds."""
    return Graph(config.model_copy(update={"tables": {}, "figures": {}}))


def once(items: Iterable[T]) -> list[T]:
    """The items without repetitions, in their order."""
    return list(dict.fromkeys(items))


def size_of(name: str) -> Size:
    """Height and width of the frames in a folder of that name (see `size_name`)."""
    height, width = name.split("x")
    return int(height), int(width)
