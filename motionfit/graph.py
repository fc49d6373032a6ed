"""What each artefact of a run is made from: recipe, code and inputs, and the fingerprint of them.

A fingerprint follows from the config, the indexes and the files that come from outside. The dates
of results do not count, nor does what Snakemake remembers. So the record beside a result
(`motionfit.records`) tells whether it is a config's, wherever the results were copied to.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from motionfit.closure import code_version
from motionfit.config import (
    AppearanceModel,
    Config,
    DatasetRecipe,
    Demo,
    Evaluation,
    Folders,
    Kinetics,
    MotionModel,
    PseudoLabels,
    Recipe,
    Size,
)
from motionfit.datasets.listing import listing, read_seen, state
from motionfit.digests import digest, file_digest
from motionfit.flow.methods import method_module
from motionfit.records import read_record
from motionfit.seeds import with_seeds
from motionfit.store.ranges import ranges


@dataclass(frozen=True)
class Artefact:
    """What one job makes, and all that it depends on."""

    path: str
    """The first file that the job writes; the record is beside it."""
    recipe: Mapping[str, Any]
    """The part of the config that the job depends on."""
    code: str
    """Version of the code that the job runs."""
    inputs: Mapping[str, str] = field(default_factory=dict)
    """Name of an input to its fingerprint."""

    split: int | None = None
    """The split that it is of, where it is of one."""

    @cached_property
    def fingerprint(self) -> str:
        """The same for equal recipes, code and inputs, in whatever order their keys are."""
        return digest(self.content())

    def content(self) -> str:
        """What the fingerprint is of, as one line of JSON."""
        values = {
            "recipe": self.recipe,
            "split": self.split,
            "code": self.code,
            "inputs": self.inputs,
        }
        return json.dumps(values, sort_keys=True, ensure_ascii=False)


@dataclass(frozen=True)
class Indexed:
    """An index as it is on disk."""

    fingerprint: str
    """Of its content, but for where the videos are: a folder that is moved changes no result."""
    videos: Mapping[str, list[tuple[str, str]]]
    """Shard to id and path of each of its videos."""


def indexed(index: pd.DataFrame) -> Indexed:
    """What the other artefacts need of an index."""
    columns = [digest(name, *index[name]) for name in index.columns if name != "path"]
    by_shard = {
        shard: list(zip(rows["video"], rows["path"], strict=True))
        for shard, rows in index.groupby("shard")
    }
    return Indexed(digest(*columns), by_shard)


def size_name(size: Size) -> str:
    """Name of the folder of frames of a height and width."""
    return f"{size[0]}x{size[1]}"


def recipe_of(recipe: Recipe, without: Iterable[str] = ()) -> dict[str, Any]:
    """The values of a recipe, but for some keys."""
    return recipe.model_dump(mode="json", exclude=set(without))


class Graph:
    """The artefacts of a config. Methods have the names of the rules that make the artefacts, and
    their parameters those of the rules' wildcards.

    `indexes` gives the index of a data set, by its name.
    """

    def __init__(self, written: Config, indexes: Callable[[str], Indexed]):
        self.written = written
        self.config = with_seeds(written)
        """With the copies that tables of several seeds need."""
        self._indexes = indexes
        # Caches of the object's own, since those of its class would never end.
        self.ranges = cache(self.ranges)
        self._videos = cache(self._videos)
        self._clip = cache(self._clip)
        self._clips = cache(self._clips)
        self._all_frames = cache(self._all_frames)
        self._model = cache(self._model)

    # ---------------------------------------------------------------------- data sets and clips

    def render_demo(self, demo: str) -> Artefact:
        return Artefact(
            f"results/demo/{demo}/labels.csv",
            recipe_of(self.config.datasets[demo]),
            code_version("motionfit.datasets.demo"),
        )

    def index(self, dataset: str) -> Artefact:
        """The code is that of the data set's own format: a change of another one's leaves it."""
        recipe = self.config.datasets[dataset]
        if isinstance(recipe, Demo):
            inputs = {"rendered": self.render_demo(dataset).fingerprint}
        else:
            inputs = {
                "videos": listing(recipe.videos),
                "annotations": digest(
                    *(f"{file.name} {file_digest(file)}" for file in annotation_files(recipe))
                ),
            }
        return Artefact(
            f"results/index/{dataset}.csv",
            recipe_of(recipe, NOT_INDEXED),
            code_version(f"motionfit.datasets.{recipe.format}", "motionfit.datasets.index"),
            inputs,
        )

    def frames(self, dataset: str, size: str, shard: str) -> Artefact:
        return Artefact(
            f"results/frames/{dataset}/{size}/{shard}.h5",
            {"fps": self.config.datasets[dataset].fps, "quality": self.config.frame_quality},
            code_version("motionfit.store.frames"),
            {"videos": self._videos(dataset, size, shard)},
        )

    def ledger(self, dataset: str, size: str) -> Artefact:
        return Artefact(
            f"results/frames/{dataset}/{size}/failed.csv",
            {"max_failed": self.config.datasets[dataset].max_failed},
            code_version("motionfit.store.frames"),
            {"index": self._index(dataset), "frames": self._all_frames(dataset, size)},
        )

    def flow(self, dataset: str, flow: str, shard: str) -> Artefact:
        """The code is that of the flow's own method: a change of another one's leaves it."""
        recipe = self.config.flow[flow]
        frames = self.frames(dataset, size_name(recipe.size), shard)
        return Artefact(
            f"results/flow/{dataset}/{flow}/{shard}.h5",
            recipe_of(recipe),
            code_version("motionfit.flow.stage", method_module(recipe.method)),
            {"frames": frames.fingerprint},
        )

    # --------------------------------------------------------------------------- what is learned

    def motion_model(self, motion_model: str, split: int) -> Artefact:
        recipe = self.config.motion_models[motion_model]
        return Artefact(
            f"results/models/{motion_model}/split{split}/model.pt",
            recipe_of(recipe, motion_model_unused(recipe))
            | {"labels": recipe_of(self.config.labels_of(motion_model))},
            code_version("motionfit.training.motion_model"),
            {
                "index": self._index(recipe.dataset),
                "clips": self._clips(recipe.dataset, motion_model),
                "weights": weights_digest(recipe),
            },
            split=split,
        )

    def features(self, motion_model: str, split: int, dataset: str, shards: str) -> Artefact:
        chosen = self.ranges(dataset)[shards]
        return Artefact(
            f"results/features/{motion_model}/split{split}/{dataset}/{shards}.h5",
            recipe_of(self.config.motion_models[motion_model].features),
            code_version("motionfit.pseudo_labels.features"),
            {
                "model": self._model(motion_model, split),
                "clips": digest(*(self._clip(dataset, motion_model, shard) for shard in chosen)),
            },
            split=split,
        )

    def pseudo_labels(self, pseudo_labels: str, split: int) -> Artefact:
        recipe = self.config.pseudo_labels[pseudo_labels]
        values = recipe_of(recipe, pseudo_labels_unused(recipe))
        if recipe.videos == "unlabelled":
            values["labels"] = recipe_of(self.config.labels_of(recipe.motion_model))
        features = (
            self.features(recipe.motion_model, split, recipe.dataset, name).fingerprint
            for name in self.ranges(recipe.dataset)
        )
        return Artefact(
            f"results/pseudo_labels/{pseudo_labels}/split{split}/labels.csv",
            values,
            code_version("motionfit.pseudo_labels.stage"),
            {"index": self._index(recipe.dataset), "features": digest(*features)},
            split=split,
        )

    def appearance_model(self, appearance_model: str, split: int) -> Artefact:
        recipe = self.config.appearance_models[appearance_model]
        source = self.config.pseudo_labels[recipe.pseudo_labels].dataset
        return Artefact(
            f"results/models/{appearance_model}/split{split}/model.pt",
            recipe_of(recipe),
            code_version("motionfit.training.appearance_model"),
            {
                "index": self._index(source),
                "pseudo_labels": self.pseudo_labels(recipe.pseudo_labels, split).fingerprint,
                "frames": self._clips(source, appearance_model),
                "weights": weights_digest(recipe),
            },
            split=split,
        )

    def mers_model(self, mers_model: str, split: int) -> Artefact:
        recipe = self.config.appearance_models[mers_model]
        source, teacher = recipe.mers.dataset, recipe.mers.motion_model
        return Artefact(
            f"results/models/{mers_model}/split{split}/model.pt",
            recipe_of(recipe),
            code_version("motionfit.training.appearance_model"),
            {
                "index": self._index(source),
                "teacher": self._model(teacher, split),
                "frames": self._clips(source, mers_model),
                "flow": self._clips(source, teacher),
                "weights": weights_digest(recipe),
            },
            split=split,
        )

    def random_model(self, random_model: str, split: int) -> Artefact:
        recipe = self.config.appearance_models[random_model]
        return Artefact(
            f"results/models/{random_model}/split{split}/model.pt",
            json.loads(random_model_recipe(recipe)),
            code_version("motionfit.models.random"),
            {"weights": weights_digest(recipe)},
            split=split,
        )

    # -------------------------------------------------------------------------------- evaluation

    def fine_tuning(self, evaluation: str, split: int) -> Artefact:
        recipe = self.config.evaluations[evaluation]
        inputs = self._evaluated(recipe, split)
        if mars := recipe.fine_tuning.mars:
            inputs["teacher"] = self._model_behind(recipe, mars.motion_model, split)
            inputs["flow"] = self._clips(recipe.dataset, mars.motion_model)
        return Artefact(
            f"results/evaluations/{evaluation}/split{split}/model.pt",
            recipe_of(recipe.fine_tuning)
            | {
                "clip_length": recipe.clip_length,
                "labels": recipe_of(self.config.labels_of_evaluation(recipe)),
            },
            code_version("motionfit.training.fine_tuning"),
            inputs,
            split=split,
        )

    def recognition(self, evaluation: str, split: int) -> Artefact:
        recipe = self.config.evaluations[evaluation]
        inputs = self._evaluated(recipe, split)
        if recipe.fine_tuning:
            inputs["model"] = self.fine_tuning(evaluation, split).fingerprint
        return Artefact(
            f"results/evaluations/{evaluation}/split{split}/recognition.json",
            {"clip_length": recipe.clip_length, "clips": recipe.clips},
            code_version("motionfit.evaluation.recognition"),
            inputs,
            split=split,
        )

    def retrieval(self, evaluation: str, split: int) -> Artefact:
        recipe = self.config.evaluations[evaluation]
        return Artefact(
            f"results/evaluations/{evaluation}/split{split}/retrieval.json",
            {
                "clip_length": recipe.clip_length,
                "clips": recipe.clips,
                "recall_at": list(recipe.recall_at),
            },
            code_version("motionfit.evaluation.retrieval"),
            self._evaluated(recipe, split),
            split=split,
        )

    def metrics(self, evaluation: str) -> Artefact:
        recipe = self.config.evaluations[evaluation]
        return Artefact(
            f"results/evaluations/{evaluation}/metrics.json",
            {"splits": list(recipe.splits), "measures": list(recipe.measures)},
            code_version("motionfit.evaluation.summary"),
            {
                f"{measure} {split}": getattr(self, measure)(evaluation, split).fingerprint
                for split in recipe.splits
                for measure in recipe.measures
            },
        )

    # ----------------------------------------------------------------- tables, figures, the report

    def table(self, table: str) -> Artefact:
        """Its recipe is in the order of the config, which is that of its rows and columns."""
        recipe = self.config.tables[table]
        shown = sorted({(e, m.split(" ")[0]) for e, m in recipe.measurements_of_seeds})
        if recipe.splits is None:
            inputs = {name: self.metrics(name).fingerprint for name, _ in shown}
        else:
            inputs = {
                f"{name} {kind} {split}": getattr(self, kind)(name, split).fingerprint
                for name, kind in shown
                for split in recipe.splits
            }
        return Artefact(
            f"results/tables/{table}.md",
            {
                "table": self.config.noticed(table).model_dump_json(),
                "leaking": self.config.leaking(table),
            },
            code_version("motionfit.tables.stage"),
            inputs,
        )

    def retrieval_figure(self, figure: str) -> Artefact:
        recipe = self.config.figures[figure]
        evaluation = self.config.evaluations[recipe.evaluation]
        size = size_name(self.config.size_of(evaluation.model))
        return Artefact(
            f"results/figures/{figure}.png",
            recipe_of(recipe) | {"clip_length": evaluation.clip_length},
            code_version("motionfit.report.retrieval_figure"),
            {
                "index": self._index(evaluation.dataset),
                "retrieval": self.retrieval(recipe.evaluation, evaluation.splits[0]).fingerprint,
                "frames": self._all_frames(evaluation.dataset, size),
            },
        )

    def report(self) -> Artefact:
        """Copies for other seeds are in its tables alone."""
        return Artefact(
            "results/report/index.html",
            {},
            code_version("motionfit.report"),
            {"config": digest(report_config(self.written))}
            | {f"evaluations {n}": self.metrics(n).fingerprint for n in self.written.evaluations}
            | {f"tables {n}": self.table(n).fingerprint for n in self.config.tables}
            | {f"figures {n}": self.retrieval_figure(n).fingerprint for n in self.config.figures},
        )

    # ------------------------------------------------------------------- fingerprints of inputs

    def ranges(self, dataset: str) -> dict[str, list[str]]:
        """Names of a data set's files of features, each to its shards."""
        return ranges(self._indexes(dataset).videos, self.config.datasets[dataset].shards)

    def _index(self, dataset: str) -> str:
        return self._indexes(dataset).fingerprint

    def _videos(self, dataset: str, size: str, shard: str) -> str:
        """Of the files of a shard: another one when a video is added, removed or replaced. The
        videos of a demo are results, whose dates do not count."""
        videos = self._indexes(dataset).videos[shard]
        if isinstance(self.config.datasets[dataset], Demo):
            return digest(self.render_demo(dataset).fingerprint, *(video for video, _ in videos))
        now, frames = state(videos), f"results/frames/{dataset}/{size}/{shard}.h5"
        record = read_record(frames)
        if record and record.get("inputs", {}).get("videos") != now:
            return state(videos, read_seen(Path(frames)))
        return now

    def _clip(self, dataset: str, model: str, shard: str) -> str:
        """Of a shard of what a model reads: frames, or flow."""
        if flow := self.config.flow_of(model):
            return self.flow(dataset, flow, shard).fingerprint
        return self.frames(dataset, size_name(self.config.size_of(model)), shard).fingerprint

    def _clips(self, dataset: str, model: str) -> str:
        """Of all shards of a data set that a model reads."""
        return digest(*(self._clip(dataset, model, s) for s in self._indexes(dataset).videos))

    def _all_frames(self, dataset: str, size: str) -> str:
        shards = self._indexes(dataset).videos
        return digest(*(self.frames(dataset, size, shard).fingerprint for shard in shards))

    def _model(self, model: str, split: int) -> str:
        """Of a motion or appearance model, before any fine-tuning."""
        if model in self.config.motion_models:
            return self.motion_model(model, split).fingerprint
        recipe = self.config.appearance_models[model]
        if recipe.mers:
            return self.mers_model(model, split).fingerprint
        if recipe.pseudo_labels:
            return self.appearance_model(model, split).fingerprint
        return self.random_model(model, split).fingerprint

    def _model_behind(self, evaluation: Evaluation, model: str, split: int) -> str:
        return self._model(model, self.config.model_split(evaluation, model, split))

    def _evaluated(self, evaluation: Evaluation, split: int) -> dict[str, str]:
        """What every measure of an evaluation looks at."""
        return {
            "index": self._index(evaluation.dataset),
            "model": self._model_behind(evaluation, evaluation.model, split),
            "clips": self._clips(evaluation.dataset, evaluation.model),
        }


# --------------------------------------------------- the parts of recipes that artefacts depend on


NOT_INDEXED = frozenset({"fps", "max_failed"})
"""Keys of a data set that its index does not depend on."""


def annotation_files(recipe: DatasetRecipe) -> list[Path]:
    """The files that say what is in a data set, its videos aside. A folder where a file should be
    is left out: the index stage says which key names it."""
    if isinstance(recipe, Demo):
        return []
    if isinstance(recipe, Kinetics):
        files = list(recipe.annotations)
    elif isinstance(recipe, Folders):
        files = [recipe.labels] if recipe.labels else []
    else:
        files = sorted(recipe.annotations.glob("*.txt"))
    return [file for file in files if file.is_file()]


def motion_model_unused(recipe: MotionModel) -> set[str]:
    """Keys that its training does not depend on: what is done with the model later, and where."""
    unused = {"features", "motion_split", "labelled_part"}
    return unused | {"frame_size"} if recipe.flow else unused


def pseudo_labels_unused(recipe: PseudoLabels) -> set[str]:
    """Keys that its granularity does not use."""
    used = {"segment_percentile": {"percentile"}, "segment_equal": {"segments"}}
    return {"percentile", "segments"} - used.get(recipe.granularity, set())


def random_model_recipe(recipe: AppearanceModel) -> str:
    """What the weights and their description depend on, as JSON: no schedule does."""
    training = recipe.training.model_dump(include={"seed", "crop"})
    return recipe.model_copy(update={"training": type(recipe.training)(**training)}).to_json()


def report_config(written: Config) -> str:
    """The whole config as JSON, but for defaults, to be short enough for a command line, and for
    what the jobs ask for, which changes no result; in the order of the config, which is that of a
    table's rows."""
    return written.model_dump_json(exclude={"resources", "base", "defaults"}, exclude_defaults=True)


def weights_digest(recipe: MotionModel | AppearanceModel) -> str:
    weights = recipe.network.weights
    return file_digest(weights) if weights else ""
