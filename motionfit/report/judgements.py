"""What each step of the run learned, in one sentence each."""

from collections.abc import Iterator

from motionfit.judgement import (
    Judgement,
    judge_pseudo_labels,
    judge_recognition,
    judge_self_training,
)
from motionfit.report.collect import TrainingHistory
from motionfit.report.run import Run


def judgements(run: Run) -> list[tuple[str, Judgement]]:
    """Each step with its judgement, in the order of the pipeline, for the first seed. A step that
    is made for several splits has one for each, except for fine-tuning."""
    return [*motion_models(run), *clusterings(run), *self_trainings(run), *fine_tunings(run)]


def motion_models(run: Run) -> Iterator[tuple[str, Judgement]]:
    for name, splits in run.needed.splits("motion_judgement").items():
        for split in splits:
            values = run.results.read_json(run.graph.motion_judgement(name, split))
            yield step("motion model", name, split, splits), Judgement(**values)


def clusterings(run: Run) -> Iterator[tuple[str, Judgement]]:
    for name, qualities in run.qualities.items():
        for split, quality in qualities.items():
            judgement = judge_pseudo_labels(name, quality["sizes"], quality["stability"])
            yield step("pseudo-labels", name, split, list(qualities)), judgement


def self_trainings(run: Run) -> Iterator[tuple[str, Judgement]]:
    for name, splits in run.needed.splits("appearance_model").items():
        qualities = run.qualities[run.config.appearance_models[name].pseudo_labels]
        history = history_of(run, "appearance model", name)
        for split in splits:
            accuracy = last_accuracy(history, split)
            if accuracy is not None:
                judgement = judge_self_training(name, accuracy, qualities[split]["sizes"])
                yield step("appearance model", name, split, splits), judgement


def fine_tunings(run: Run) -> Iterator[tuple[str, Judgement]]:
    """Of the featured evaluations, in their first split."""
    for evaluation, predictions in run.predictions:
        if evaluation.recipe.fine_tuning:
            history = history_of(run, "fine-tuning", evaluation.name)
            judgement = judge_recognition(
                f"The network of {evaluation.name}",
                predictions["label"].tolist(),
                predictions["predicted"].tolist(),
                last_accuracy(history, evaluation.split),
            )
            splits = evaluation.recipe.splits
            yield step("fine-tuning", evaluation.name, evaluation.split, splits), judgement


def step(kind: str, name: str, split: int, splits: list[int]) -> str:
    return f"{kind} {name}" + (f", split {split}" if len(splits) > 1 else "")


def history_of(run: Run, description: str, name: str) -> TrainingHistory:
    [history] = [h for h in run.histories if (h.description, h.name) == (description, name)]
    return history


def last_accuracy(history: TrainingHistory, split: int) -> float | None:
    """Accuracy on the training clips of the last epoch; None for a training without labels."""
    table = history.splits[split]
    return float(table["train_accuracy"].iloc[-1]) if "train_accuracy" in table else None
