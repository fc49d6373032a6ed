"""The artefacts of data sets: indexes, frames and flow, and the clips of models."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from motionfit.config import Config, Demo
from motionfit.datasets.build import format_module
from motionfit.datasets.listing import listing, read_seen, state
from motionfit.digests import digest, file_digest
from motionfit.flow.methods import method_module
from motionfit.graph.artefacts import Artefact, Input, from_outside, result_of, results_of
from motionfit.graph.indexes import Indexed, one_shard
from motionfit.graph.recipes import NOT_INDEXED, size_name, values_of
from motionfit.graph.rules import Job, kept, of_rule
from motionfit.records import read_record
from motionfit.seeds import with_seeds
from motionfit.store.ranges import ranges


class DataGraph:
    """The part of `Graph` (graph.py) from videos to clips."""

    def __init__(self, written: Config, get_index: Callable[[str], Indexed] = one_shard):
        """`get_index`: returns the index of a data set, given its name."""
        self.written = written
        self.config = with_seeds(written)
        """With the copies that several seeds need."""
        self._get_index = get_index
        self._kept: dict[tuple[Any, ...], Any] = {}

    @of_rule
    def render_demo(self, demo: str) -> Job:
        return Job(
            f"results/demo/{demo}/labels.csv",
            {"recipe": values_of(self.config.datasets[demo])},
        )

    @of_rule
    def index(self, dataset: str) -> Job:
        """The code includes only the data set's own format. A change of another format reruns
        nothing."""
        recipe = self.config.datasets[dataset]
        if isinstance(recipe, Demo):
            inputs = {"annotations": lambda: result_of(self.render_demo(dataset))}
        else:
            # If one is a folder, the index stage reports its key.
            files = [file for file in recipe.annotation_files() if file.is_file()]
            inputs = {
                "annotations": lambda: from_outside(
                    files, lambda: digest(*(f"{file.name} {file_digest(file)}" for file in files))
                ),
                "videos": lambda: from_outside([], lambda: listing(recipe.videos)),
            }
        return Job(
            f"results/index/{dataset}.csv",
            {"recipe": values_of(recipe, NOT_INDEXED)},
            inputs,
            format_module(recipe.format),
        )

    @of_rule
    def frames(self, dataset: str, size: str, shard: str) -> Job:
        """The index must exist, but the result depends only on the videos of the shard."""
        return Job(
            f"results/frames/{dataset}/{size}/{shard}.h5",
            {"fps": self.config.datasets[dataset].fps, "quality": self.config.frame_quality},
            {
                "index": lambda: Input((self.index(dataset).path,), (self.index(dataset),)),
                "videos": lambda: from_outside([], lambda: self._videos(dataset, size, shard)),
            },
        )

    @of_rule
    def ledger(self, dataset: str, size: str) -> Job:
        return Job(
            f"results/frames/{dataset}/{size}/failed.csv",
            {"max_failed": self.config.datasets[dataset].max_failed},
            {
                "index": lambda: self._index(dataset),
                "failed": lambda: self._ledgers(dataset, size),
            },
        )

    @of_rule
    def flow(self, dataset: str, flow: str, shard: str) -> Job:
        """The code includes only the flow's own method. A change of another method reruns
        nothing."""
        recipe = self.config.flow[flow]
        return Job(
            f"results/flow/{dataset}/{flow}/{shard}.h5",
            {"recipe": values_of(recipe)},
            {"frames": lambda: result_of(self.frames(dataset, size_name(recipe.size), shard))},
            method_module(recipe.method),
        )

    # ------------------------------------------------------------------------------------ inputs

    @kept
    def ranges(self, dataset: str) -> dict[str, list[str]]:
        """Names of a data set's files of features, each to its shards."""
        return ranges(self._get_index(dataset).videos, self.config.datasets[dataset].shards)

    @kept
    def _index(self, dataset: str) -> Input:
        """The fingerprint is that of the index's content."""
        index = self.index(dataset)
        return Input((index.path,), (index,), lambda: self._get_index(dataset).fingerprint)

    def _ledgers(self, dataset: str, size: str) -> Input:
        """The ledgers of all shards. Their fingerprint is that of the frames."""
        shards = self._frames(dataset, size)
        files = tuple(f"{frames.path.removesuffix('.h5')}.failed.csv" for frames in shards)
        return Input(files, shards, results_of(shards).get_fingerprint)

    def _videos(self, dataset: str, size: str, shard: str) -> str:
        """Fingerprint of the video files of a shard. It changes if a video is added, removed or
        replaced. The videos of a demo are results, so their dates do not matter."""
        videos = self._get_index(dataset).videos[shard]
        if isinstance(self.config.datasets[dataset], Demo):
            return digest(self.render_demo(dataset).fingerprint, *(video for video, _ in videos))
        now, frames = state(videos), self.frames(dataset, size, shard).path
        record = read_record(frames)
        if record and record.get("inputs", {}).get("videos") != now:
            return state(videos, read_seen(Path(frames)))
        return now

    @kept
    def _frames(self, dataset: str, size: str) -> tuple[Artefact, ...]:
        """All shards of the frames of a data set."""
        shards = self._get_index(dataset).videos
        return tuple(self.frames(dataset, size, shard) for shard in shards)

    def _shard_of_clips(self, dataset: str, model: str, shard: str) -> Artefact:
        """A shard of what a model reads: flow or frames."""
        if flow := self.config.flow_of(model):
            return self.flow(dataset, flow, shard)
        return self.frames(dataset, size_name(self.config.size_of(model)), shard)

    @kept
    def _clips(self, dataset: str, model: str) -> Input:
        """All shards of a data set that a model reads, and the ledger."""
        shards = results_of(
            self._shard_of_clips(dataset, model, shard) for shard in self._get_index(dataset).videos
        )
        return self._with_ledger(shards, dataset, model)

    def _with_ledger(self, shards: Input, dataset: str, model: str) -> Input:
        """Adds the ledger, in the size that the model reads. It shows that not too many videos are
        lost, and changes no result."""
        ledger = self.ledger(dataset, size_name(self.config.size_of(model)))
        return Input(
            (*shards.paths, ledger.path), (*shards.made_by, ledger), shards.get_fingerprint
        )
