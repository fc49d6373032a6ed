"""Recipes of evaluations: what is measured, of which model, on which videos."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from motionfit.config.recipe import Recipe
from motionfit.config.references import Names
from motionfit.config.training import FineTuning
from motionfit.config.values import ClipLength, Clips, Positive, SplitOrTarget

MEASURES = ("recognition", "retrieval")
"""What an evaluation can measure."""


class Evaluation(Recipe):
    """Recognition and retrieval on the target."""

    model: Annotated[str, Names("motion_models", "appearance_models")]
    """An appearance model, or a motion model, which is evaluated on what it reads: flow or RGB."""
    model_split: SplitOrTarget = "target"
    """Split that the model (and its teacher, with MARS) learned from: a number; or `target` for the
    split that is evaluated. With a number, one model serves all splits of a data set other than the
    one it learned from."""
    dataset: Annotated[str, Names("datasets")]
    """The target data set."""
    labelled_part: Annotated[str | None, Names("labelled_parts")] = None
    """The part of the training labels that fine-tuning uses, one of `labelled_parts`. null takes
    the part of the motion model behind the model if that learned from this data set, and all labels
    otherwise. To use all labels with a motion model that learned from few, name a part with
    `label_fraction: 1`."""
    splits: tuple[Positive, ...] = Field(default=(1,), min_length=1)
    """Splits to evaluate; the report shows their mean. If the data set has `folds`, all of them
    unless this key is given."""
    clip_length: ClipLength = 16
    """L: consecutive frames per clip in fine-tuning and testing (the paper's)."""
    fine_tuning: FineTuning | None = FineTuning()
    """How the model is fine-tuned; null evaluates it as it is, which needs a model that knows the
    target's classes."""
    clips: Clips = 10
    """Clips per video, spread evenly; a short video gives some of them several times. Recognition
    averages the class probabilities of a test video's clips. In retrieval each clip of a test video
    is a query among the clips of the training videos."""
    recall_at: tuple[Positive, ...] = Field(default=(1, 5, 20), min_length=1)
    """k of recall at k in retrieval: how many of the nearest training clips (or videos) count."""
    measures: tuple[Literal["recognition", "retrieval"], ...] = Field(
        default=MEASURES, min_length=1
    )
    """What is measured. Retrieval uses the model before fine-tuning, so of several evaluations that
    differ in fine-tuning only, one has to measure it."""

    @model_validator(mode="before")
    @classmethod
    def _without_recognition(cls, values: Any) -> Any:
        """Drops fine-tuning if only retrieval is measured, whatever the defaults say."""
        measures = values.get("measures") if isinstance(values, dict) else None
        if isinstance(measures, list | tuple) and measures and "recognition" not in measures:
            return values | {"fine_tuning": None}
        return values

    def gives(self, measure: str) -> bool:
        """Whether the results contain a measure of this name, such as `recognition top1`."""
        kind, _, name = measure.rpartition(" ")
        if kind.split(" ")[0] not in self.measures:
            return False
        return name in {
            "recognition": ("top1", "top5"),
            "retrieval clip": [f"R@{k}" for k in self.recall_at],
            "retrieval video": [f"R@{k}" for k in self.recall_at],
        }.get(kind, ())
