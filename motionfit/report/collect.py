"""From result files to what the report shows."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from motionfit.config import Config, Evaluation, LabelledPart
from motionfit.datasets.index import classes, labelled_train, read_index, split_column
from motionfit.errors import MotionFitError
from motionfit.graph import Needed
from motionfit.report.kinds import RANDOM, kind_of
from motionfit.report.pictures import read_nearest
from motionfit.result_tables import read_table
from motionfit.stage_names import STAGES

Score = Callable[["EvaluationResult"], float]

TRAINED = ("appearance_model", "mers_model")
"""Rules of the appearance models that are trained before any fine-tuning."""
SOURCE, TAUGHT = "source (pseudo-labels)", "source (MERS)"


@dataclass(frozen=True)
class DatasetSummary:
    """What a data set holds, and what it is used for."""

    name: str
    format: str
    use: str
    labels_unused: bool
    """Whether it has labels that no training sees: it is a source only."""
    videos: int
    labelled: int
    classes: int
    splits: dict[int, tuple[int, int]]
    """Training and test videos of each split that has any."""
    lost: int
    """Videos that could not be decoded."""


@dataclass(frozen=True)
class EvaluationResult:
    """An evaluation's measures."""

    name: str
    recipe: Evaluation
    kind: str
    """One of `KINDS`."""
    weights: Path | None
    """The weight file that its model started from; None for random weights."""
    motion_models: list[str]
    """The motion models that it is, goes back to or is taught by in fine-tuning."""
    measures: dict[str, Any]
    """Name to {'splits': {split: value}, 'mean': value}."""
    classes: int
    """Of its data set."""
    label_fraction: float
    """Fraction of the training labels that it was fine-tuned with; without fine-tuning, that its
    motion model learned from."""
    labelled: frozenset[str]
    """The videos of its data set whose labels are behind it, in the first split: those that it was
    fine-tuned with, and those that its motion model learned from."""

    @property
    def split(self) -> int:
        """The split whose predictions and neighbours are shown."""
        return self.recipe.splits[0]

    @property
    def recognises(self) -> bool:
        """Whether it measures recognition."""
        return "recognition" in self.recipe.measures

    @property
    def retrieves(self) -> bool:
        """Whether it measures retrieval."""
        return "retrieval" in self.recipe.measures

    @property
    def first_recall(self) -> str:
        """The measure of retrieval that asks most: by clip, at the smallest k."""
        return f"retrieval clip R@{min(self.recipe.recall_at)}"

    def mean(self, measure: str) -> float | None:
        return self.measures[measure]["mean"] if measure in self.measures else None


@dataclass(frozen=True)
class TrainingHistory:
    """The epochs of a training, a table a split."""

    name: str
    what: str
    splits: dict[int, pd.DataFrame]


@dataclass(frozen=True)
class Clustering:
    """Pseudo-labels: their quality a split, and where the units of the first are."""

    name: str
    qualities: dict[int, dict[str, Any]]
    labels: Path
    """Its `labels.csv`."""
    truth: pd.Series
    """The source's videos to their true labels, '' where unknown."""

    def read_units(self) -> pd.DataFrame:
        """video, start, length, label, and `truth`, the true label ('' where unknown). Not
        kept: those of a large source take memory, and a run may have many clusterings."""
        units = read_table(
            required(self.labels), {"video": str, "start": int, "length": int, "label": int}
        )
        return units.assign(truth=units["video"].map(self.truth).fillna(""))

    @property
    def split(self) -> int:
        """The split whose units are shown."""
        return min(self.qualities)

    @property
    def known(self) -> bool:
        """Whether any true label is known."""
        return "nmi" in self.qualities[self.split]


@dataclass(frozen=True)
class StageCost:
    """Time and memory of the jobs of a stage."""

    stage: str
    jobs: int
    seconds: float
    longest: float
    memory: float
    """Maximum over the jobs, MB; nan where it was not measured."""


# --------------------------------------------------------------------------------------- reading


def required(path: Path) -> Path:
    """The path, if the file is there. Raises MotionFitError naming it otherwise."""
    if not path.is_file():
        raise MotionFitError(
            f"{path} is missing: run the pipeline to the end (snakemake) before the report"
        )
    return path


def read_json(path: Path) -> Any:
    return json.loads(required(path).read_text(encoding="utf-8"))


def read_indices(results: Path, needed: Needed) -> dict[str, pd.DataFrame]:
    """The index of each data set that is in use."""
    return {
        name: read_index(required(results / "index" / f"{name}.csv")) for name in needed.datasets
    }


# ------------------------------------------------------------------------------------- data sets


def read_dataset(
    config: Config, results: Path, needed: Needed, name: str, index: pd.DataFrame
) -> DatasetSummary:
    size = next(size for dataset, size in needed.frames if dataset == name)
    ledger = read_table(
        required(results / "frames" / name / f"{size[0]}x{size[1]}" / "failed.csv"),
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
        labels_unused={*uses} <= {SOURCE, TAUGHT} and labelled > 0,
        videos=len(index),
        labelled=labelled,
        classes=len(classes(index)),
        splits=splits,
        lost=int((ledger["frames_kept"].astype(int) == 0).sum()),
    )


def uses_of(config: Config, needed: Needed, name: str) -> list[str]:
    """What the evaluations use a data set for, in words."""
    users = {
        "motion model": [config.motion_models[m].dataset for m in needed.splits("motion_model")],
        SOURCE: [config.pseudo_labels[p].dataset for p in needed.splits("pseudo_labels")],
        TAUGHT: [
            mers.dataset
            for name in needed.splits(*TRAINED)
            if (mers := config.appearance_models[name].mers)
        ],
        "target (fine-tuning, test)": [e.dataset for e in config.evaluations.values()],
    }
    return [use for use, datasets in users.items() if name in datasets]


# ----------------------------------------------------------------------------------- evaluations


def read_evaluation(
    config: Config, results: Path, name: str, indices: dict[str, pd.DataFrame]
) -> EvaluationResult:
    recipe = config.evaluations[name]
    motion_models = config.motion_models_of(recipe)
    used: list[tuple[LabelledPart, int]] = []
    if recipe.fine_tuning is not None:
        used.append((config.labels_of_evaluation(recipe), recipe.splits[0]))
    for motion_model in motion_models:
        if config.motion_models[motion_model].dataset == recipe.dataset:
            split = config.model_split(recipe, motion_model, recipe.splits[0])
            used.append((config.labels_of(motion_model), split))
    index = indices[recipe.dataset]
    return EvaluationResult(
        name=name,
        recipe=recipe,
        kind=kind_of(config, recipe),
        weights=config.models[recipe.model].network.weights,
        motion_models=motion_models,
        measures=read_json(results / "evaluations" / name / "metrics.json"),
        classes=len(classes(index)),
        label_fraction=used[0][0].label_fraction if used else 0.0,
        labelled=frozenset(
            video for part, split in used for video in labelled_train(index, split, part)["video"]
        ),
    )


def read_predictions(results: Path, evaluation: EvaluationResult) -> pd.DataFrame:
    """video, label, predicted and a probability a class, of the first split."""
    folder = results / "evaluations" / evaluation.name / f"split{evaluation.split}"
    return read_table(
        required(folder / "predictions.csv"), dict.fromkeys(("video", "label", "predicted"), str)
    )


def read_neighbours(results: Path, evaluation: EvaluationResult) -> pd.DataFrame:
    """The nearest training clips of each query, of the first split."""
    folder = results / "evaluations" / evaluation.name / f"split{evaluation.split}"
    return read_nearest(required(folder / "neighbours.csv"))


def best(
    evaluations: Sequence[EvaluationResult], kind: str, score: Score
) -> EvaluationResult | None:
    """The best of a kind."""
    return max((e for e in evaluations if e.kind == kind), key=score, default=None)


def best_random(
    evaluations: Sequence[EvaluationResult], dataset: str, label_fraction: float, score: Score
) -> EvaluationResult | None:
    """The best network of random weights on a data set, of as many labels where there is one."""
    own = [e for e in evaluations if e.recipe.dataset == dataset]
    alike = [e for e in own if e.label_fraction == label_fraction]
    return best(alike, RANDOM, score) or best(own, RANDOM, score)


def top1(evaluation: EvaluationResult) -> float:
    """Top-1 accuracy, of an evaluation that measures recognition."""
    return evaluation.measures["recognition top1"]["mean"]


def first_recall(evaluation: EvaluationResult) -> float:
    """Recall at the smallest k, of an evaluation that measures retrieval."""
    return evaluation.measures[evaluation.first_recall]["mean"]


# ------------------------------------------------------------------------- trainings, clusterings


def read_histories(config: Config, results: Path, needed: Needed) -> list[TrainingHistory]:
    """The trainings of all models, in the order of the pipeline."""
    trainings = [
        (name, what, splits, results / "models" / name)
        for what, models in (
            ("motion model", needed.splits("motion_model")),
            ("appearance model", needed.splits(*TRAINED)),
        )
        for name, splits in models.items()
    ]
    trainings += [
        (name, "fine-tuning", evaluation.splits, results / "evaluations" / name)
        for name, evaluation in config.evaluations.items()
        if evaluation.fine_tuning
    ]
    return [
        TrainingHistory(
            name,
            what,
            {
                split: read_table(
                    required(folder / f"split{split}" / "history.csv"), {"epoch": int, "kept": int}
                )
                for split in sorted(splits)
            },
        )
        for name, what, splits, folder in trainings
    ]


def read_clustering(
    results: Path, name: str, splits: Sequence[int], index: pd.DataFrame
) -> Clustering:
    folder = results / "pseudo_labels" / name
    return Clustering(
        name,
        {split: read_json(folder / f"split{split}" / "quality.json") for split in sorted(splits)},
        required(folder / f"split{min(splits)}" / "labels.csv"),
        index.set_index("video")["label"],
    )


# ------------------------------------------------------------------------------------------ cost


def read_costs(results: Path) -> list[StageCost]:
    """Sums the benchmark files a stage; a job whose time is unknown is not counted."""
    costs = []
    for stage in STAGES:  # the report itself is still running
        files = sorted((results / "benchmarks" / stage).rglob("*.tsv"))
        rows = pd.DataFrame([benchmark(file) for file in files], columns=["s", "max_rss"])
        rows = rows[rows["s"].notna()]
        if len(rows):
            costs.append(
                StageCost(
                    stage,
                    len(rows),
                    float(rows["s"].sum()),
                    float(rows["s"].max()),
                    float(rows["max_rss"].max()),
                )
            )
    return costs


def benchmark(file: Path) -> tuple[float, float]:
    """Seconds and MB of a job; nan where they were not measured."""
    row = pd.read_csv(file, sep="\t", na_values=["NA", "-"]).iloc[0]
    return tuple(float(pd.to_numeric(row.get(key), errors="coerce")) for key in ("s", "max_rss"))
