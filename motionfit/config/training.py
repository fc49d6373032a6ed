"""Recipes of trainings: of motion models, self-training and fine-tuning."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from motionfit.config.recipe import Recipe
from motionfit.config.references import Names
from motionfit.config.values import Clips, Epoch, Natural, Positive, Seed, Side, Unit

Precision = Literal[32, 16, "bf16"]

Milestone = Epoch | Annotated[float, Field(gt=0, lt=1)]
"""An epoch, or a fraction of the training."""
Probability = Annotated[float, Field(ge=0, le=1)]


class Augmentation(Recipe):
    """Random changes of training clips, the same for all frames of a clip. The paper has none."""

    zoom: Annotated[float, Field(gt=0.1, le=1)] = 1.0
    """Smallest side of the square that is cut out of a crop and enlarged to its size, as a fraction
    of the crop's side; 1 for no zoom. Flow that a teacher sees is cut out alike."""
    colour: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Strength of random brightness, contrast and saturation: each is multiplied by a factor from
    1 - colour to 1 + colour. RGB only, as the keys below."""
    hue: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    """Largest shift of the hue, as a fraction of the colour circle."""
    grey: Probability = 0.0
    """Probability that a clip becomes grey."""
    blur: Probability = 0.0
    """Probability that a clip is blurred."""

    @property
    def changes_colours(self) -> bool:
        return bool(self.colour or self.hue or self.grey or self.blur)


class Training(Recipe):
    """Stochastic gradient descent with the multi-clip loss (Eq. 1). Defaults are the paper's for
    motion models, except where a key says otherwise."""

    epochs: Epoch | None = 120
    """Number of passes over the training videos; null if `steps` is given."""
    steps: Positive | None = None
    """Number of steps of the optimiser, rounded up to whole epochs, in place of `epochs`: 30 videos
    and 10,000 then train for a comparable time. null trains for `epochs`."""
    milestones: tuple[Milestone, ...] = (40, 60, 80)
    """When the learning rate is divided by 10: after these epochs, or fractions of the training.
    With `steps`, fractions only; the default is then that of `epochs`, as fractions."""
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    """Learning rate of the first epoch."""
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Momentum of the gradient descent."""
    weight_decay: Annotated[float, Field(ge=0)] = 5e-4
    """Weight of the L2 penalty on the network's weights."""
    batch_size: Positive = 8
    """Videos (multi-clips) per batch, over all GPUs or processes together."""
    accumulate: Positive = 1
    """Number of parts into which a batch is split if it does not fit into memory. The parts are
    computed one after the other. Gradients are those of the whole batch; batch normalisation sees
    one part at a time."""
    precision: Precision = 32
    """Floating-point precision of the network: `32` bits, or mixed precision with `bf16` or `16`
    bits. `16` needs a GPU."""
    clips_per_video: Clips = 3
    """R of Eq. 1: clips drawn from each video. The loss is averaged over them."""
    multi_clip_weight: Annotated[float, Field(ge=0, le=1)] = 1.0
    """λ of Eq. 3: weight of the multi-clip loss. The clip-order loss (Eq. 2) has weight 1 - λ, and
    needs a `clip_gap`. With 0 no labels are learned."""
    clip_gap: Natural | None = None
    """Frames between the clips of a video, which then follow each other; fewer frames if the video
    is too short. null draws each clip by itself. The clip-order loss needs a gap: Xu et al. (2019),
    from whom the paper takes this loss, use 8."""
    crop: Side = 112
    """Side of the square crop in pixels. Its place is random in training and the centre in
    testing."""
    flip: bool = True
    """Mirror half of the training clips left to right. Set it to false if left and right are
    different classes. The paper mentions no flips."""
    augmentation: Augmentation = Augmentation()
    """Further random changes of training clips. The paper has none."""
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Part of each label that is spread evenly over all classes. The paper has none."""
    ema: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Decay per step of an exponential moving average of the weights, which becomes the model and
    is what is validated; null keeps the weights themselves, as in the paper."""
    validation_fraction: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Fraction of the training videos that is held out to validate the model after each epoch."""
    validation_unit: Unit = "group"
    """What is held out: whole groups, so that no recording is in both training and validation; or
    single videos, as in the paper."""
    keep: Literal["last", "best"] = "last"
    """Epoch whose weights become the model: the last, or the one with the best validation accuracy
    (the lowest validation loss if there is no accuracy). The paper does not say."""
    seed: Seed = 0
    """Seed of the initial weights, the clips, their order and the videos that are held out."""

    @model_validator(mode="before")
    @classmethod
    def _scale_defaults(cls, values: Any) -> Any:
        """With `steps`, the default of `epochs` is null, and that of `milestones` is scaled."""
        if not isinstance(values, dict) or values.get("steps") is None:
            return values
        epochs, milestones = (cls.model_fields[key].default for key in ("epochs", "milestones"))
        scaled = [round(milestone / epochs, 4) for milestone in milestones]
        return {"epochs": None, "milestones": scaled} | values

    @model_validator(mode="after")
    def _check_steps(self) -> "Training":
        if bool(self.steps) == bool(self.epochs):
            both = "not both (set the other to null)" if self.steps else "one of them"
            raise ValueError(f"give epochs or steps, {both}")
        if self.steps and any(milestone >= 1 for milestone in self.milestones):
            raise ValueError(
                "with steps, milestones are fractions of the training, such as [0.6, 0.8], not "
                "epochs"
            )
        return self

    def schedule(self, videos: int) -> tuple[int, list[int]]:
        """Number of epochs, and the epochs after which the learning rate is divided by 10, for this
        number of training videos."""
        steps_per_epoch = -(-videos // self.batch_size)
        epochs = -(-self.steps // steps_per_epoch) if self.steps else self.epochs
        return epochs, [
            milestone if milestone >= 1 else max(1, round(milestone * epochs))
            for milestone in self.milestones
        ]

    @model_validator(mode="after")
    def _check_options(self) -> "Training":
        if self.accumulate > self.batch_size:
            raise ValueError(
                f"accumulate splits a batch of {self.batch_size} videos into {self.accumulate} "
                "parts: use at most as many parts as videos"
            )
        if self.multi_clip_weight < 1 and not 2 <= self.clips_per_video <= 4:
            raise ValueError(
                "clip order (multi_clip_weight below 1) needs clips_per_video from 2 to 4, not "
                f"{self.clips_per_video}"
            )
        if self.multi_clip_weight < 1 and self.clip_gap is None:
            raise ValueError(
                "clip order (multi_clip_weight below 1) needs clips that follow each other: give "
                "clip_gap, the number of frames between them (8 in the work that introduced it)"
            )
        if self.clip_gap is not None and self.clips_per_video < 2:
            raise ValueError(
                "clip_gap is the gap between the clips of a video: set clips_per_video to 2 or "
                "more, or remove clip_gap"
            )
        if self.keep == "best" and not self.validation_fraction:
            raise ValueError(
                "keep: best needs validation videos: set validation_fraction above 0, or use "
                "keep: last"
            )
        return self


class SelfTraining(Training):
    """Training on pseudo-labels. Defaults are the paper's, except where a key says otherwise."""

    epochs: Epoch | None = 45
    """Number of passes over the source videos; null if `steps` is given."""
    milestones: tuple[Milestone, ...] = (20, 40)
    """When the learning rate is divided by 10: after these epochs, or fractions of the training.
    With `steps`, fractions only; the default is then that of `epochs`, as fractions."""
    batch_size: Positive = 16
    """Videos (multi-clips) per batch, over all GPUs or processes together."""
    balanced: bool = False
    """Draw clips so that all pseudo-labels occur equally often (Caron et al. 2018); false draws
    every video once per epoch."""
    jitter: Natural = 0
    """Largest number of frames by which a clip starts before or after the clip whose pseudo-label
    it has. With half of `features.stride`, clip-level training sees every start in a video, as
    training on segments and videos does, except for up to `jitter` starts at its end. The paper
    does not say."""
    neighbours: Literal["sum", "mean"] | None = None
    """Predict the pseudo-labels of the previous and the next clip or segment as well. The loss is
    the `sum` of the three losses, as in the paper's experiment, or their `mean`; null predicts only
    a clip's own pseudo-label."""

    @model_validator(mode="after")
    def _check_draws(self) -> "SelfTraining":
        if self.neighbours and not self.multi_clip_weight:
            raise ValueError(
                "neighbours are pseudo-labels, and multi_clip_weight 0 learns none: remove one of "
                "the two"
            )
        if self.balanced and self.clip_gap is not None:
            raise ValueError(
                "balanced draws single clips, but clip_gap needs clips that follow each other: "
                "remove one of the two"
            )
        return self


class Mars(Recipe):
    """Knowledge transfer by MARS (Crasto et al. 2019): the loss is the cross-entropy plus the mean
    squared difference between the features of the network and those of a motion model."""

    motion_model: Annotated[str, Names("motion_models")]
    """The motion model that teaches."""
    weight: Annotated[float, Field(gt=0)] = 50.0
    """Weight of the squared difference; the cross-entropy has weight 1. 50 is from the authors'
    code."""


class FineTuning(Training):
    """Training on the target's labels. Defaults are the paper's, except where a key says
    otherwise."""

    validation_fraction: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Fraction of the training videos that is held out to validate the model after each epoch; 0
    because a small data set can spare none. The paper does not say."""
    layers: Literal["all", "last"] = "last"
    """Layers that are trained. `last`: conv4, conv5 and the classifier, as in the paper; `all`: the
    whole network."""
    freeze_bn: bool = False
    """Keep the batch-normalisation statistics of the layers that are not trained. The paper does
    not say."""
    mars: Mars | None = None
    """Learn a motion model's features as well as the labels; null learns the labels only."""

    @field_validator("multi_clip_weight")
    @classmethod
    def _check_labels_are_learned(cls, value: float) -> float:
        if value == 0:
            raise ValueError("with 0 no labels are learned, but fine-tuning is to learn labels")
        return value
