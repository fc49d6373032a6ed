"""The artefacts that find test videos in a source or in a training set."""

from itertools import chain

from motionfit.config import Size
from motionfit.graph.artefacts import Input, results_of
from motionfit.graph.data_sets import DataGraph
from motionfit.graph.recipes import size_name
from motionfit.graph.rules import Finders, Job, kept, of_rule


class DuplicatesGraph(DataGraph):
    """The part of `Graph` (graph.py) that compares data sets."""

    @of_rule
    def duplicates(self, dataset: str, other: str) -> Job:
        """The test videos of a target that are also in a source or, if `other` is the target, in
        its training set. It compares frames that the evaluations of the target need anyway."""
        inputs = {
            "index": lambda: self._index(dataset),
            "frames": lambda: self._compared_frames(dataset, dataset),
        }
        if other != dataset:
            inputs["source_index"] = lambda: self._index(other)
            inputs["source_frames"] = lambda: self._compared_frames(dataset, other)
        return Job(
            f"results/duplicates/{dataset}/{other}.csv",
            {"splits": self.evaluated_splits(dataset)},
            inputs,
        )

    @property
    @kept
    def compared_data_sets(self) -> list[tuple[str, str]]:
        """Each target of an evaluation with itself, and with each other source of the models that
        are evaluated on it. The test videos of the first are compared with the second."""
        config, pairs = self.written, []
        for recipe in config.evaluations.values():
            model, target = recipe.model, recipe.dataset
            source = config.source_of(model) if model in config.appearance_models else None
            pairs += [(target, target), (target, source or target)]
        return list(dict.fromkeys(pairs))

    def evaluated_splits(self, dataset: str) -> list[int]:
        """The splits of a target that evaluations test."""
        recipes = self.written.evaluations.values()
        return sorted({n for recipe in recipes if recipe.dataset == dataset for n in recipe.splits})

    def compared_size(self, target: str, dataset: str) -> Size:
        """The largest size of a data set's frames that the evaluations on a target need: those of
        the target itself, or of a source of its models."""
        config = self.written
        sizes = {
            config.size_of(recipe.model)
            for recipe in config.evaluations.values()
            if recipe.dataset == target
            and (
                dataset == target
                or (
                    recipe.model in config.appearance_models
                    and config.source_of(recipe.model) == dataset
                )
            )
        }
        return max(sizes, key=lambda size: (size[0] * size[1], size))

    def _compared_frames(self, target: str, dataset: str) -> Input:
        return results_of(self._frames(dataset, size_name(self.compared_size(target, dataset))))

    def _compared_with(self, source: str) -> list[tuple[str, str]]:
        """The pairs of `compared_data_sets` whose second one is a source."""
        return [(target, other) for target, other in self.compared_data_sets if other == source]

    def _left_out(self, *pairs: tuple[str, str]) -> Finders:
        """The near-duplicates that are not learned from, if the config leaves them out."""
        if not self.written.exclude_near_duplicates:
            return {}
        compared = [pair for pair in pairs if pair in self.compared_data_sets]
        if not compared:
            return {}
        return {"duplicates": lambda: results_of(self.duplicates(*pair) for pair in compared)}

    def _duplicates(self) -> Input:
        """The near-duplicates of all targets, and how many pairs were compared."""
        made = {pair: self.duplicates(*pair) for pair in self.compared_data_sets}
        paths = [
            (artefact.path, artefact.beside(f"{other}.json"))
            for (_, other), artefact in made.items()
        ]
        results = results_of(made.values())
        return Input(tuple(chain(*paths)), results.made_by, results.get_fingerprint)
