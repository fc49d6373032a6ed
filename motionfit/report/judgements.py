"""What each step of the run learned, in one sentence each."""

from collections.abc import Iterator
from dataclasses import replace

from motionfit.judgement import (
    Judgement,
    judge_pseudo_labels,
    judge_recognition,
    judge_self_training,
)
from motionfit.report.collect import EvaluationResult, TrainingHistory
from motionfit.report.kinds import RANDOM, STILL
from motionfit.report.run import Run


def judgements(run: Run) -> list[tuple[str, Judgement]]:
    """Each step with its judgement, in the order of the pipeline, for the first seed. A step that
    is made for several splits has one for each, except for fine-tuning, which has one for the first
    split."""
    return [*motion_models(run), *clusterings(run), *self_trainings(run), *fine_tunings(run)]


def motion_models(run: Run) -> Iterator[tuple[str, Judgement]]:
    for name, splits in run.needed.splits("motion_judgement").items():
        for split in splits:
            values = run.results.read_json(run.graph.motion_judgement(name, split))
            judgement = Judgement(**values)
            beside = f"{judgement.text}{rgb_network_beside(run, name, split)}"
            yield step_name("motion model", name, split, splits), replace(judgement, text=beside)


def rgb_network_beside(run: Run, motion_model: str, split: int) -> str:
    """A sentence on the RGB network of the same size that learned the same labels from random
    weights, for all splits and seeds. Empty if the run evaluates none."""
    recipe = run.config.motion_models[motion_model]
    for evaluation in run.evaluations:
        if (
            evaluation.kind == RANDOM
            and evaluation.recognises
            and evaluation.recipe.dataset == recipe.dataset
            and split in evaluation.recipe.splits
            and run.config.labels_of_evaluation(evaluation.recipe)
            == run.config.labels_of(motion_model)
            and run.config.models[evaluation.recipe.model].network.backbone
            == recipe.network.backbone
        ):
            accuracy = evaluation.mean("recognition top1")
            return (
                f" With the same labels, an RGB network of the same size ({evaluation.name}) is "
                f"right on {accuracy:.1%}."
            )
    return ""


def clusterings(run: Run) -> Iterator[tuple[str, Judgement]]:
    for name, qualities in run.qualities.items():
        for split, quality in qualities.items():
            judgement = judge_pseudo_labels(
                name,
                quality["sizes"],
                quality["stability"],
                quality.get("purity"),
                quality.get("chance_purity"),
            )
            yield step_name("pseudo-labels", name, split, list(qualities)), judgement


def self_trainings(run: Run) -> Iterator[tuple[str, Judgement]]:
    for name, splits in run.needed.splits("appearance_model").items():
        recipe = run.config.appearance_models[name]
        qualities = run.qualities[recipe.pseudo_labels]
        history = run.history("appearance model", name)
        for split in splits:
            accuracy = last_accuracy(history, split)
            if accuracy is not None:
                quality, training = qualities[split], recipe.training
                balanced = 1 / quality["clusters"]
                commonest = balanced if training.balanced else quality["commonest"]
                clips = quality["videos"] * training.clips_per_video
                judgement = judge_self_training(name, accuracy, commonest, clips)
                yield step_name("appearance model", name, split, splits), judgement


def fine_tunings(run: Run) -> Iterator[tuple[str, Judgement]]:
    """Of the featured evaluations, in their first split, with how many of all their trainings
    learned nothing. A network of one still frame is left out, since it need not learn."""
    for evaluation, predictions in run.predictions:
        if evaluation.recipe.fine_tuning and evaluation.kind != STILL:
            judgement = judge_recognition(
                f"The network of {evaluation.name}",
                predictions["label"].tolist(),
                predictions["predicted"].tolist(),
                predictions["video"].map(run.groups(evaluation)).tolist(),
                last_accuracy(run.history("fine-tuning", evaluation.name), evaluation.split),
            )
            splits = evaluation.recipe.splits
            text = f"{judgement.text}{failures(run, evaluation)}"
            name = step_name("fine-tuning", evaluation.name, evaluation.split, splits)
            yield name, replace(judgement, text=text)


def failures(run: Run, evaluation: EvaluationResult) -> str:
    """A sentence on the trainings of an evaluation that learned nothing. Empty if there are none,
    or if there is only one training."""
    failed = run.learned_nothing(evaluation)
    trainings = len(evaluation.recipe.splits) * run.config.seeds
    if not failed or trainings == 1:
        return ""
    of_seed = (f" of seed {seed}" if run.config.seeds > 1 else "" for _, seed in failed)
    names = (f"split {split}{seed}" for (split, _), seed in zip(failed, of_seed, strict=True))
    return f" Of its {trainings} trainings, {len(failed)} learned nothing: {', '.join(names)}."


def step_name(kind: str, name: str, split: int, splits: list[int]) -> str:
    return f"{kind} {name}" + (f", split {split}" if len(splits) > 1 else "")


def last_accuracy(history: TrainingHistory, split: int) -> float | None:
    """Accuracy on the training clips of the last epoch; None for a training without labels."""
    table = history.splits[split]
    return float(table["train_accuracy"].iloc[-1]) if "train_accuracy" in table else None
