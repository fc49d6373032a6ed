"""Reads what the report shows from the result files."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import pandas as pd

from motionfit.config import TEACHING, Config, Evaluation, LabelledPart, seed_name
from motionfit.datasets.index import classes, labelled_train, split_column
from motionfit.errors import MotionFitError
from motionfit.graph import Artefact, Graph, Needed
from motionfit.report.kinds import kind_of
from motionfit.report.pictures import read_nearest
from motionfit.result_tables import read_table
from motionfit.stage_names import STAGES

TRAINED = ("appearance_model", "taught_model")
"""Rules that train an appearance model before fine-tuning."""
PSEUDO_LABEL_SOURCE = "source (pseudo-labels)"
TEACHING_SOURCES = {method: f"source ({method.title})" for method in TEACHING}
"""What the report calls the two uses of a data set as a source."""


@dataclass(frozen=True)
class DatasetSummary:
    """What a data set holds and what the run uses it for."""

    name: str
    format: str
    use: str
    labels_unused: bool
    """Whether the data set has labels that no training uses, because it is only a source."""
    videos: int
    labelled: int
    classes: int
    splits: dict[int, tuple[int, int]]
    """Numbers of training and test videos of each split that has any videos."""
    lost: int
    """Number of videos that could not be decoded."""


@dataclass(frozen=True)
class EvaluationResult:
    """An evaluation, its measures and what its model has learned from."""

    name: str
    recipe: Evaluation
    kind: str
    """One of `KINDS`."""
    weights: Path | None
    """The weight file that the model starts from. None for random weights."""
    motion_models: list[str]
    """The motion models behind the evaluation: the evaluated model itself, those that the evaluated
    model has learned from, and the teacher in fine-tuning."""
    measures: dict[str, Any]
    """Maps the name of each measure to its values, as `over_seeds` returns them."""
    classes: int
    """Number of classes of its data set."""
    label_fraction: float
    """Fraction of the training labels that fine-tuning uses. Without fine-tuning, the fraction that
    the motion model has learned from."""
    labelled: frozenset[str]
    """Videos of its data set whose labels were used for the first split, by fine-tuning or by a
    motion model."""
    leaks: bool
    """Whether a model may have learned from test videos."""

    @property
    def split(self) -> int:
        """The split whose predictions and neighbours are shown."""
        return self.recipe.splits[0]

    @property
    def recognises(self) -> bool:
        """Whether the evaluation measures recognition."""
        return "recognition" in self.recipe.measures

    @property
    def retrieves(self) -> bool:
        """Whether the evaluation measures retrieval."""
        return "retrieval" in self.recipe.measures

    def mean(self, measure: str) -> float | None:
        """Mean of a measure over the splits. None if the evaluation does not take it."""
        return self.measures[measure]["mean"] if measure in self.measures else None

    def spread(self, measure: str) -> float | None:
        """Standard deviation of a measure over splits and seeds. None for a single value."""
        return self.measures[measure]["spread"] if measure in self.measures else None

    def splits(self, measure: str) -> dict[str, float]:
        """Maps each split to its value of a measure. Empty if there is only one split."""
        splits = self.measures[measure]["splits"] if measure in self.measures else {}
        return splits if len(splits) > 1 else {}


@dataclass(frozen=True)
class TrainingHistory:
    """The epochs of a training, in one table per split."""

    name: str
    description: str
    """'motion model', 'appearance model' or 'fine-tuning'."""
    splits: dict[int, pd.DataFrame]


# --------------------------------------------------------------------------------------- reading


@dataclass(frozen=True)
class Results:
    """Finds the result files of a run. The graph has their paths."""

    graph: Graph
    folder: Path
    """The run's folder of results, which is `results` in the paths of the graph."""

    def file(self, artefact: Artefact, name: str | None = None) -> Path:
        """The artefact's first file, or the file of that name beside it. Raises MotionFitError
        naming the file if it is missing."""
        path = self.folder_of(artefact) / (name or Path(artefact.path).name)
        if not path.is_file():
            raise MotionFitError(
                f"{path} is missing: run the pipeline to the end (snakemake) before the report"
            )
        return path

    def folder_of(self, artefact: Artefact) -> Path:
        return self.folder / Path(artefact.folder).relative_to("results")

    def read_json(self, artefact: Artefact, name: str | None = None) -> Any:
        return json.loads(self.file(artefact, name).read_text(encoding="utf-8"))


# ------------------------------------------------------------------------------------- data sets


def read_dataset(
    results: Results, needed: Needed, name: str, index: pd.DataFrame
) -> DatasetSummary:
    config = results.graph.written
    size = next(size for dataset, size in needed.of("ledger") if dataset == name)
    ledger = read_table(
        results.file(results.graph.ledger(name, size)),
        {"video": str, "reason": str, "frames_kept": int},
    )
    splits = {}
    for column in index.columns:
        number = column.removeprefix("split")
        if number.isdecimal() and column == split_column(int(number)):
            train, test = (int((index[column] == side).sum()) for side in ("train", "test"))
            if train or test:
                splits[int(number)] = (train, test)
    uses = uses_of(config, needed, name)
    labelled = int((index["label"] != "").sum())
    return DatasetSummary(
        name=name,
        format=config.datasets[name].format,
        use=", ".join(uses),
        labels_unused={*uses} <= {PSEUDO_LABEL_SOURCE, *TEACHING_SOURCES.values()} and labelled > 0,
        videos=len(index),
        labelled=labelled,
        classes=len(classes(index)),
        splits=splits,
        lost=int((ledger["frames_kept"].astype(int) == 0).sum()),
    )


def uses_of(config: Config, needed: Needed, name: str) -> list[str]:
    """What the evaluations use a data set for, in words."""
    labels = needed.splits("pseudo_labels")
    taught = [config.appearance_models[name].teaching for name in needed.splits("taught_model")]
    datasets_of_use = {
        "motion model": [config.motion_models[m].dataset for m in needed.splits("motion_model")],
        PSEUDO_LABEL_SOURCE: [config.pseudo_labels[label].dataset for label in labels],
        **{
            use: [teaching.dataset for teaching in taught if isinstance(teaching, method)]
            for method, use in TEACHING_SOURCES.items()
        },
        "target (fine-tuning, test)": [e.dataset for e in config.evaluations.values()],
    }
    return [use for use, datasets in datasets_of_use.items() if name in datasets]


# ----------------------------------------------------------------------------------- evaluations


def read_evaluation(
    results: Results, name: str, indices: dict[str, pd.DataFrame]
) -> EvaluationResult:
    config = results.graph.written
    recipe = config.evaluations[name]
    motion_models = config.motion_models_of(recipe)
    label_uses: list[tuple[LabelledPart, int]] = []  # a part of the labels, and its split
    if recipe.fine_tuning is not None:
        label_uses.append((config.labels_of_evaluation(recipe), recipe.splits[0]))
    for motion_model in motion_models:
        if config.motion_models[motion_model].dataset == recipe.dataset:
            split = config.model_split(recipe, motion_model, recipe.splits[0])
            label_uses.append((config.labels_of(motion_model), split))
    index = indices[recipe.dataset]
    labelled = [labelled_train(index, split, part)["video"] for part, split in label_uses]
    return EvaluationResult(
        name=name,
        recipe=recipe,
        kind=kind_of(config, recipe),
        weights=config.models[recipe.model].network.weights,
        motion_models=motion_models,
        measures=over_seeds(
            [
                results.read_json(results.graph.metrics(seed_name(name, seed)))
                for seed in range(config.seeds)
            ]
        ),
        classes=len(classes(index)),
        label_fraction=label_uses[0][0].label_fraction if label_uses else 0.0,
        labelled=frozenset().union(*labelled),
        leaks=config.leaks(name),
    )


def over_seeds(by_seed: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The measures of an evaluation from those of its seeds: for each measure, {'splits': {split:
    mean over the seeds}, 'mean': value, 'spread': standard deviation over splits and seeds}. The
    spread of a single value is None."""
    measures = {}
    for name, first in by_seed[0].items():
        values = {
            split: [seed[name]["splits"][split] for seed in by_seed] for split in first["splits"]
        }
        every = [value for of_split in values.values() for value in of_split]
        measures[name] = {
            "splits": {split: mean(of_split) for split, of_split in values.items()},
            "mean": mean(every),
            "spread": stdev(every) if len(every) > 1 else None,
        }
    return measures


def read_predictions(results: Results, evaluation: str, split: int) -> pd.DataFrame:
    """Reads the predictions of a split: video, label, predicted, and one probability per class."""
    path = results.file(results.graph.recognition(evaluation, split), "predictions.csv")
    return read_table(path, dict.fromkeys(("video", "label", "predicted"), str))


def read_neighbours(results: Results, evaluation: EvaluationResult) -> pd.DataFrame:
    """Reads the nearest training videos of each query of the first split."""
    retrieval = results.graph.retrieval(evaluation.name, evaluation.split)
    return read_nearest(results.file(retrieval, "neighbours.csv"))


# ------------------------------------------------------------------------- trainings, clusterings


def read_histories(results: Results, needed: Needed) -> list[TrainingHistory]:
    """Reads the histories of all trainings, in the order of the pipeline."""
    graph = results.graph
    histories = []
    for description, rules, training in (
        ("motion model", ["motion_model"], graph.model),
        ("appearance model", TRAINED, graph.model),
        ("fine-tuning", ["fine_tuning"], graph.fine_tuning),
    ):
        for name, splits in needed.splits(*rules).items():
            paths = {s: results.file(training(name, s), "history.csv") for s in splits}
            tables = {
                split: read_table(path, {"epoch": int, "kept": int})
                for split, path in paths.items()
            }
            histories.append(TrainingHistory(name, description, tables))
    return histories


def read_qualities(results: Results, name: str, splits: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Reads the quality of pseudo-labels in each split."""
    return {
        split: results.read_json(results.graph.pseudo_labels(name, split), "quality.json")
        for split in splits
    }


def read_units(results: Results, name: str, split: int, index: pd.DataFrame) -> pd.DataFrame:
    """Reads the units of pseudo-labels: video, start, length, label, and `truth`, the true label
    ('' if unknown). `index`: that of the source."""
    path = results.file(results.graph.pseudo_labels(name, split))
    units = read_table(path, {"video": str, "start": int, "length": int, "label": int})
    truth = index.set_index("video")["label"]
    return units.assign(truth=units["video"].map(truth).fillna(""))


# ------------------------------------------------------------------------------------------ cost


def read_costs(benchmarks: Path) -> pd.DataFrame:
    """Sums up the benchmark files of each stage, whose folder has the stage's name. Jobs whose time
    is unknown are not counted.

    Columns: stage, jobs, seconds, longest, and memory, the maximum over the jobs in MB, NaN if no
    job's memory was measured.
    """
    files = {  # the report itself is still running, so its cost is not known
        stage: sorted((benchmarks / stage).rglob("*.tsv")) for stage in STAGES
    }
    rows = [(stage, *benchmark(file)) for stage in files for file in files[stage]]
    jobs = pd.DataFrame(rows, columns=["stage", "seconds", "memory"]).dropna(subset="seconds")
    by_stage = jobs.groupby("stage", sort=False, as_index=False)
    return by_stage.agg(
        jobs=("seconds", "size"),
        seconds=("seconds", "sum"),
        longest=("seconds", "max"),
        memory=("memory", "max"),
    )


def benchmark(file: Path) -> tuple[float, float]:
    """Seconds and memory in MB of a job. NaN if they were not measured."""
    row = pd.read_csv(file, sep="\t", na_values=["NA", "-"]).iloc[0]
    return tuple(float(pd.to_numeric(row.get(key), errors="coerce")) for key in ("s", "max_rss"))
