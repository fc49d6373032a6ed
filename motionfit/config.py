"""The recipes: what `config.yaml` may say, and the single place that knows the defaults.

A recipe describes one artefact. It is checked where it is made, travels to its stage as JSON, and
is immutable. Defaults are the paper's wherever it gives one; docs/paper.md lists the exceptions.
"""

import json
import keyword
import re
from collections.abc import Callable, Mapping, Sequence, Set
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_serializer,
    model_validator,
)

from motionfit.errors import MotionFitError
from motionfit.yaml_files import read_config

# Numbers end where more would fail, or never end, hours later.
Positive = Annotated[int, Field(ge=1, le=1_000_000_000, strict=True)]
Natural = Annotated[int, Field(ge=0, le=1_000_000_000, strict=True)]
Fraction = Annotated[float, Field(gt=0, le=1)]
Side = Annotated[int, Field(ge=8, le=8192, strict=True)]
Size = tuple[Side, Side]
ClipLength = Annotated[int, Field(ge=1, le=10_000, strict=True)]
Clips = Annotated[int, Field(ge=1, le=1000, strict=True)]
Epoch = Annotated[int, Field(ge=1, le=9999, strict=True)]
Rate = Annotated[float, Field(ge=0.001, le=1000)]
Seed = Annotated[int, Field(ge=0, le=2**32 - 1, strict=True)]
Unit = Literal["group", "video"]


class Recipe(BaseModel):
    """Base of all recipes: immutable, and an unknown key is an error."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        allow_inf_nan=False,
        coerce_numbers_to_str=True,  # a group in YAML may well be a number
    )

    def to_json(self, without: Set[str] = frozenset()) -> str:
        """One line with sorted keys and all defaults, so that equal recipes give equal text;
        `without`: keys to leave out."""
        values = self.model_dump(mode="json", exclude=set(without))
        return json.dumps(values, sort_keys=True, ensure_ascii=False)


# ------------------------------------------------------------------------------------ data sets


class DatasetRecipe(Recipe):
    """What all data sets share."""

    splits: ClassVar[int] = 1
    """Number of splits into training and test videos."""
    folders: ClassVar[tuple[str, ...]] = ("videos", "annotations")
    """Which of the `paths` are folders; the others are files."""

    shards: Annotated[int, Field(ge=1, le=9999, strict=True)] = 8
    """Number of HDF5 shards; 100 to 250 videos a shard make jobs of a sensible length."""
    fps: Rate | None = None
    """Frames are sampled at this rate (frames a second); null keeps each video's own."""
    max_failed: Annotated[float, Field(ge=0, le=1)] = 0.05
    """The run stops when more than this fraction of the videos can't be decoded."""

    @property
    def has_labels(self) -> bool:
        """Whether any of its videos has a label."""
        return True

    def lacking(self, test: bool) -> str:
        """Why nothing can be learned from its labels, or tested with them; '' where it can."""
        return ""

    def paths(self) -> dict[str, list[Path]]:
        """Key to the files and folders that it names, which have to be there."""
        names = ("videos", "annotations", "labels")
        values = {name: getattr(self, name, None) for name in names}
        return {
            name: list(value) if isinstance(value, tuple) else [value]
            for name, value in values.items()
            if value is not None
        }


class Ucf101(DatasetRecipe):
    """UCF101: class folders, and `trainlist0N.txt` / `testlist0N.txt`."""

    splits: ClassVar[int] = 3

    format: Literal["ucf101"]
    videos: Path
    """Folder that holds a folder a class."""
    annotations: Path
    """Folder of the official split lists."""


class Hmdb51(DatasetRecipe):
    """HMDB51: class folders, and `CLASS_test_splitN.txt`."""

    splits: ClassVar[int] = 3

    format: Literal["hmdb51"]
    videos: Path
    """Folder that holds a folder a class."""
    annotations: Path
    """Folder of the official split lists."""


class Kinetics(DatasetRecipe):
    """Kinetics: ActivityNet's CSV files, and videos named as the common downloaders name them."""

    folders: ClassVar[tuple[str, ...]] = ("videos",)

    format: Literal["kinetics"]
    videos: Path
    """Folder of the videos, flat or with a folder a class."""
    annotations: tuple[Path, ...] = Field(min_length=1)
    """CSV files with the columns label, youtube_id, time_start, time_end, split."""

    @field_validator("annotations")
    @classmethod
    def _check_annotations(cls, value: tuple[Path, ...]) -> tuple[Path, ...]:
        for path in value:
            if value.count(path) > 1:
                raise ValueError(f"{path} is listed twice: name each file once")
        return value


class Folders(DatasetRecipe):
    """One's own videos: a folder a class, any tree without labels, or a `labels.csv`."""

    format: Literal["folders"]
    videos: Path
    """Folder of the videos; with `labelled: true` each first-level folder is a class."""
    labelled: bool = True
    """Whether the first-level folder names the class; ignored where `labels` is given."""
    labels: Path | None = None
    """CSV file with the columns path (below `videos`), label and optionally group and split."""
    unlabelled: tuple[str, ...] = ()
    """Classes whose videos count as unlabelled: they are in neither train nor test."""
    test_groups: tuple[str, ...] = ()
    """Groups that form the test set; the others train."""
    test_fraction: Annotated[float, Field(ge=0, lt=1)] = 0.25
    """Fraction of the groups drawn as the test set where nothing else says which they are."""
    seed: Seed = 0
    """Seed of that draw."""

    @property
    def has_labels(self) -> bool:
        return self.labelled or self.labels is not None

    def lacking(self, test: bool) -> str:
        return "" if self.has_labels else "it has no labels (labelled: false)"


Videos = Annotated[int, Field(ge=0, le=9999, strict=True)]
Pixels = Annotated[float, Field(ge=0, le=1000)]


class Demo(DatasetRecipe):
    """Rendered videos whose class is their motion, and whose appearance says nothing."""

    format: Literal["demo"]
    train: Videos = 0
    """Labelled training videos a class."""
    test: Videos = 0
    """Labelled test videos a class."""
    unlabelled: Videos = 0
    """Unlabelled videos a class."""
    frames: Annotated[int, Field(ge=2, le=10_000)] = 24
    """Frames a video."""
    height: Annotated[int, Field(ge=16, le=8192, multiple_of=2)] = 48
    """Height of the videos in pixels."""
    width: Annotated[int, Field(ge=16, le=8192, multiple_of=2)] = 64
    """Width of the videos in pixels."""
    speed: tuple[Pixels, Pixels] = (0.5, 1.5)
    """Range of the motion's speed: pixels a frame, or the like at an object's rim."""
    camera: Pixels = 0.5
    """Standard deviation of the camera's motion, pixels a frame."""
    clutter: Annotated[float, Field(ge=0, le=1)] = 0.3
    """Contrast of the background's texture, as a fraction of the moving patch's."""
    noise: Annotated[float, Field(ge=0, le=255)] = 8.0
    """Standard deviation of the pixel noise, grey levels of 255."""
    seed: Seed = 0
    """Seed of everything that is drawn."""

    def lacking(self, test: bool) -> str:
        if not self.train:
            return "it has no labelled training videos (train: 0)"
        return "it has no test videos (test: 0)" if test and not self.test else ""


Dataset = Annotated[
    Ucf101 | Hmdb51 | Kinetics | Folders | Demo,
    Field(discriminator="format"),
]


# ----------------------------------------------------------------------------------- flow, networks


FlowMethod = Literal["tvl1", "tvl1_gpu", "opencv", "dis", "farneback"]


class Flow(Recipe):
    """How optical flow is computed and stored."""

    method: FlowMethod = "tvl1"
    """`tvl1`: Dual TV-L1 with OpenCV's default parameters, compiled for the CPU; `tvl1_gpu`: the
    same in batches on a GPU; `opencv`: OpenCV's own, the slow reference; `dis` and `farneback`:
    OpenCV's DIS and Farnebäck flow, faster and less exact."""
    size: Size = (128, 171)
    """Height and width in pixels of the frames that the flow is computed from."""
    bound: Annotated[float, Field(ge=0.01, le=1000)] = 20.0
    """Displacements are clipped to ± this many pixels before they are stored as 8 bits, in steps of
    bound/127: lower it where motion is slow, but not below the motion that tells classes apart."""
    quality: Annotated[int, Field(ge=1, le=100)] = 95
    """JPEG quality of the stored flow."""


Precision = Literal[32, 16, "bf16"]


class Training(Recipe):
    """Stochastic gradient descent with the multi-clip loss (Eq. 1)."""

    epochs: Epoch = 120
    """Passes over the training videos."""
    milestones: tuple[Epoch, ...] = (40, 60, 80)
    """Epochs after which the learning rate is divided by 10."""
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    """Learning rate of the first epoch."""
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Momentum of the gradient descent."""
    weight_decay: Annotated[float, Field(ge=0)] = 5e-4
    """L2 penalty on the weights."""
    batch_size: Positive = 8
    """Videos (multi-clips) a batch, on all devices together."""
    accumulate: Positive = 1
    """Parts that a batch is computed in, one after the other, where it does not fit into memory;
    gradients are those of the whole batch, and batch normalisation sees a part at a time."""
    precision: Precision = 32
    """Floating-point numbers of the network's arithmetic: `32`; `bf16` or `16` bits, mixed with 32
    where they are too coarse. 16 needs a GPU."""
    clips_per_video: Clips = 3
    """R of Eq. 1: clips drawn from a video, over which the loss is averaged."""
    multi_clip_weight: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Lambda of Eq. 3: the weight of the multi-clip loss; the rest is that of the clip-order loss
    (Eq. 2), which needs a `clip_gap`. With 0 labels are not looked at."""
    clip_gap: Natural | None = None
    """Frames between a video's clips, which are then taken one after the other (fewer frames where
    the video is too short); null draws each clip by itself. Clip order needs one: the work that the
    paper takes it from (Xu et al. 2019) has 8."""
    crop: Side = 112
    """Side of the square crop in pixels: random in training, centred in testing."""
    flip: bool = True
    """Flip half of the clips left-right; false where left and right are different classes."""
    validation_fraction: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Fraction of the training videos that are held out to watch the training."""
    validation_unit: Unit = "group"
    """What is held out: whole groups, so that no recording is learned from and watched with; or
    videos, as in the paper."""
    keep: Literal["last", "best"] = "last"
    """The epoch whose weights are the model: the last, or the one of the highest accuracy on what
    is held out (of the lowest loss, where there is no accuracy)."""
    seed: Seed = 0
    """Seed of the weights, the clips, their order and what is held out."""

    @model_validator(mode="after")
    def _check_accumulate(self) -> "Training":
        if self.accumulate > self.batch_size:
            raise ValueError(
                f"accumulate cuts a batch of {self.batch_size} videos into {self.accumulate} parts:"
                " take at most as many parts as videos"
            )
        return self

    @model_validator(mode="after")
    def _check_order(self) -> "Training":
        if self.multi_clip_weight < 1 and not 2 <= self.clips_per_video <= 4:
            raise ValueError(
                "clip order (multi_clip_weight below 1) needs clips_per_video of 2 to 4, not "
                f"{self.clips_per_video}"
            )
        if self.multi_clip_weight < 1 and self.clip_gap is None:
            raise ValueError(
                "clip order (multi_clip_weight below 1) needs clips one after the other: give "
                "clip_gap, the frames between them (8 in the work that it is from)"
            )
        if self.clip_gap is not None and self.clips_per_video < 2:
            raise ValueError(
                "clip_gap lies between a video's clips: give clips_per_video of 2 or "
                "more, or leave it out"
            )
        return self

    @model_validator(mode="after")
    def _check_keep(self) -> "Training":
        if self.keep == "best" and not self.validation_fraction:
            raise ValueError(
                "keep: best needs videos to watch the training with: give validation_fraction, or "
                "take keep: last"
            )
        return self


class SelfTraining(Training):
    """The paper's schedule for learning without class labels."""

    epochs: Epoch = 45
    """Passes over the source videos."""
    milestones: tuple[Epoch, ...] = (20, 40)
    """Epochs after which the learning rate is divided by 10."""
    batch_size: Positive = 16
    """Videos (multi-clips) a batch, on all devices together."""
    balanced: bool = False
    """Draw clips so that all pseudo-labels are seen equally often (Caron et al. 2018); false draws
    every video once an epoch."""
    jitter: Natural = 0
    """Frames that a clip may begin before or after the clip whose pseudo-label it has. With half of
    `features.stride` clip level sees every start of a video, as segments and videos do, but for up
    to as many at its end."""
    neighbours: Literal["sum", "mean"] | None = None
    """Predict the pseudo-labels of the previous and the next clip or segment as well: the loss is
    the `sum` of the three, as in the paper, or their `mean`; null predicts a clip's own alone."""

    @model_validator(mode="after")
    def _check_draws(self) -> "SelfTraining":
        if self.neighbours and not self.multi_clip_weight:
            raise ValueError("neighbours are pseudo-labels, which multi_clip_weight 0 does not see")
        if self.balanced and self.clip_gap is not None:
            raise ValueError("balanced draws single clips, and clip_gap wants them in a row")
        return self


def _check_clip_length(backbone: str, clip_length: int | None) -> None:
    if backbone in ("s3d", "s3d_g") and clip_length is not None and clip_length < 8:
        raise ValueError(f"{backbone} needs clips of 8 frames or more")


class Network(Recipe):
    """A backbone and the clips it sees."""

    backbone: Literal["r2plus1d_18", "r2plus1d_small", "r3d_18", "s3d", "s3d_g"] = "r2plus1d_18"
    """`r2plus1d_18`, `r3d_18` and `s3d`: torchvision's; `s3d_g`: S3D with self-gating, which the
    paper feeds 64 frames of 224 pixels; `r2plus1d_small`: one block a stage and fewer channels."""
    clip_length: ClipLength = 16
    """L: adjacent frames a clip."""

    weights: Path | None = None
    """Weight file in torchvision's format that the network starts from, but for its classifier;
    null for random weights."""

    @model_validator(mode="after")
    def _check_length(self) -> "Network":
        _check_clip_length(self.backbone, self.clip_length)
        return self

    @model_validator(mode="after")
    def _check_weights(self) -> "Network":
        if self.weights and self.backbone == "r2plus1d_small":
            raise ValueError(
                "weights: torchvision has none of r2plus1d_small: choose another backbone, or "
                "leave them out"
            )
        return self


class Features(Recipe):
    """Features of densely sampled clips."""

    clip_length: ClipLength | None = None
    """L of these clips, in frames (the paper has 16, 32 and 64); null for that of the network's
    training."""
    stride: Positive = 16
    """Frames from the start of a clip to the start of the next."""
    batch_size: Positive = 32
    """Clips per batch at most; fewer where they are too large for that many."""


class LabelledPart(Recipe):
    """Which of a data set's training labels may be used."""

    label_fraction: Fraction = 1.0
    """Fraction of each class's training videos whose labels are used, as near as whole units
    allow."""
    label_unit: Unit = "group"
    """What is drawn: whole groups, so that no recording is both labelled and not; or videos, as in
    the paper."""
    label_seed: Seed = 0
    """Seed of the draw; a smaller fraction is part of a larger one."""


ALL_LABELS = LabelledPart()


def _split_or_target(value: Any) -> Any:
    if value != "target" and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
        raise ValueError(f"should be `target` or the number of a split, not {value!r}")
    return value


class MotionModel(Recipe):
    """A network on flow, trained with a small labelled data set (step 2 of the paper's Fig. 2)."""

    dataset: str
    """The labelled data set."""
    labelled_part: str | None = None
    """The part of its training labels that are used, one of `labelled_parts`; null for all."""
    flow: str | None
    """The flow recipe; null for a network on RGB, whose pseudo-labels are of appearance."""
    frame_size: Size = (128, 171)
    """Height and width of the stored frames in pixels, where it is on RGB."""
    motion_split: Literal["target"] | Positive = "target"
    """Split whose training set it learns from: a number, or `target` for one model a split of the
    evaluation, so that no model has seen the label of a video that it is tested on."""
    network: Network = Network()
    training: Training = Training()
    features: Features = Features()

    _check_motion_split = field_validator("motion_split", mode="before")(_split_or_target)

    @model_validator(mode="after")
    def _check_features(self) -> "MotionModel":
        _check_clip_length(self.network.backbone, self.features.clip_length)
        return self

    @property
    def features_clip_length(self) -> int:
        """L of the clips whose features are taken."""
        return self.features.clip_length or self.network.clip_length


class PseudoLabels(Recipe):
    """Clusters of a motion model's features of the source."""

    motion_model: str
    """The motion model whose features are clustered."""
    dataset: str
    """The source data set."""
    videos: Literal["train", "unlabelled", "all"] = "train"
    """`train` leaves out the test videos of the split in question; `unlabelled` those as well whose
    labels the motion model learned from; `all` takes every video."""
    exclude_classes: tuple[str, ...] = ()
    """Classes whose videos are left out; needs a labelled source."""
    granularity: Literal["clip", "segment_percentile", "segment_equal", "video"] = "clip"
    """What is given one label: a clip, a segment between changes of motion (Eq. 4), one of
    `segments` equal parts, or the whole video."""
    percentile: Annotated[float, Field(ge=0, le=100)] = 75.0
    """p of Eq. 4, for `segment_percentile`, in percent."""
    segments: Annotated[int, Field(ge=1, le=10_000, strict=True)] = 3
    """Number of parts, for `segment_equal`."""
    pca: Positive | None = None
    """Principal components that the features are reduced to before they are clustered; null for the
    features as they are, as in the paper."""
    whiten: bool = False
    """Scale the principal components to unit variance."""
    normalise: bool = False
    """Scale each feature vector to unit length before it is clustered, so that K-means compares
    directions."""
    clusters: Annotated[int, Field(ge=2, le=1_000_000_000)] = 1000
    """K: number of pseudo-labels."""
    restarts: Positive = 1
    """Times that K-means is started anew; the run of least inertia is kept."""
    max_iterations: Positive = 100
    """Iterations of K-means at most."""
    seed: Seed = 0
    """Seed of K-means."""

    @model_validator(mode="after")
    def _check_pca(self) -> "PseudoLabels":
        if self.whiten and self.pca is None:
            raise ValueError("whiten scales principal components: give pca, their number")
        return self


class Mers(Recipe):
    """Knowledge transfer by MERS (Crasto et al. 2019): the RGB network learns to give the features
    that a motion model gives, by their mean squared difference, without labels."""

    motion_model: str
    """The teacher."""
    dataset: str
    """The source data set."""
    videos: Literal["train", "all"] = "train"
    """As for pseudo-labels."""
    weight: Annotated[float, Field(gt=0)] = 50.0
    """Weight of the squared difference, which is the whole loss; 50 in the authors' code."""


class Mars(Recipe):
    """Knowledge transfer by MARS (Crasto et al. 2019): cross-entropy, and the mean squared
    difference between the network's features and a motion model's."""

    motion_model: str
    """The teacher."""
    weight: Annotated[float, Field(gt=0)] = 50.0
    """Weight of the squared difference; that of the cross-entropy is 1."""


class AppearanceModel(Recipe):
    """An RGB network trained on pseudo-labels or by MERS, from scratch but where `network.weights`
    are given; without either, left as it starts."""

    pseudo_labels: str | None
    """The pseudo-labels it learns; null for a network that learns by `mers`, or one as it starts,
    to compare with: of random weights or, with `network.weights`, of pre-trained ones."""
    mers: Mers | None = None
    """Learn a motion model's features instead of pseudo-labels."""
    network: Network = Network()
    frame_size: Size = (128, 171)
    """Height and width of the stored frames, in pixels."""
    training: SelfTraining = SelfTraining()


class FineTuning(Training):
    """Training on the target's labels."""

    validation_fraction: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Fraction of the training videos that are held out to watch the training; of few labels none
    can be spared."""
    layers: Literal["all", "last"] = "last"
    """`last`: conv4, conv5 and the classifier, as the paper does; `all`: the whole network."""
    freeze_bn: bool = False
    """Keep the batch-normalisation statistics of the layers that are not trained."""
    mars: Mars | None = None
    """Learn a motion model's features beside the labels."""

    @field_validator("multi_clip_weight")
    @classmethod
    def _check_labels_are_learned(cls, value: float) -> float:
        if value == 0:
            raise ValueError("with 0 no labels are learned, and fine-tuning is for these")
        return value


MEASURES = ("recognition", "retrieval")
"""What an evaluation may measure."""


class Evaluation(Recipe):
    """Recognition and retrieval on the target."""

    model: str
    """An appearance model, or a motion model, which is evaluated on flow."""
    model_split: Literal["target"] | Positive = "target"
    """Split of the model (and of a teacher by MARS): a number, or `target` for that of the split
    that is evaluated. With a number one model serves all splits of another data set than its motion
    model learned from."""
    dataset: str
    """The target data set."""
    labelled_part: str | None = None
    """The part of the training labels that fine-tuning uses, one of `labelled_parts`; null for that
    of the motion model behind the model, where that has learned from this data set, else all. (For
    all labels behind a motion model of few, name a part of `label_fraction: 1`.)"""
    splits: tuple[Positive, ...] = Field(default=(1,), min_length=1)
    """Splits to evaluate; their mean is reported."""
    clip_length: ClipLength = 16
    """L in fine-tuning and testing."""
    fine_tuning: FineTuning | None = FineTuning()
    """null evaluates the model as it is; it then has to know the target's classes."""
    clips: Clips = 10
    """Clips a video, spread uniformly; of a short video some come several times. Recognition
    averages the class probabilities of a test video's clips; in retrieval each clip of a test video
    is a query among those of the training videos."""
    recall_at: tuple[Positive, ...] = Field(default=(1, 5, 20), min_length=1)
    """k of retrieval's recall at k: the nearest training clips (or videos) that are looked at."""
    measures: tuple[Literal["recognition", "retrieval"], ...] = Field(
        default=MEASURES, min_length=1
    )
    """What is measured. Retrieval looks at the model before fine-tuning, so of several evaluations
    that differ in their fine-tuning one alone needs it."""

    _check_model_split = field_validator("model_split", mode="before")(_split_or_target)

    @model_validator(mode="before")
    @classmethod
    def _without_recognition(cls, values: Any) -> Any:
        """Retrieval alone looks at no fine-tuned model, so there is none, whatever the defaults."""
        if isinstance(values, dict) and "recognition" not in (values.get("measures") or MEASURES):
            return values | {"fine_tuning": None}
        return values

    def gives(self, measure: str) -> bool:
        """Whether a measure by this name, such as `recognition top1`, is one of its results."""
        kind, _, name = measure.rpartition(" ")
        if kind.split(" ")[0] not in self.measures:
            return False
        return name in {
            "recognition": ("top1", "top5"),
            "retrieval clip": [f"R@{k}" for k in self.recall_at],
            "retrieval video": [f"R@{k}" for k in self.recall_at],
        }.get(kind, ())


# ------------------------------------------------------------------------- tables of the results


TEXT = "text"
"""What a column has in place of a measure where its cells are words."""


def seed_name(name: str, seed: int) -> str:
    """Name of the copy of an artefact for one of the seeds 0, 1, ... of a table; of seed 0 it is
    the artefact itself."""
    return f"{name}.seed{seed}" if seed else name


class TableColumn(Recipe):
    """A column of a table. Its short form is the measure alone."""

    measure: str
    """`recognition top1` (or top5), `retrieval clip R@1` (or another k), by clip or by video; or
    `text` for a column of words, which the rows' `text` gives."""
    x: float | None = None
    """Place on the axis of the table's plot, where the rows are what is plotted."""

    @model_serializer(mode="wrap")
    def _short(self, whole: SerializerFunctionWrapHandler) -> Any:
        return self.measure if self.x is None else whole(self)


def _long_column(value: Any) -> Any:
    return {"measure": value} if isinstance(value, str) else value


class TableRow(Recipe):
    """A row of a table: what is measured here, and what was published."""

    section: str = ""
    """Heading of the rows from here on; empty: the section goes on."""
    description: str = ""
    """What the row is made from, in a sentence."""
    text: dict[str, str] = {}
    """Column of words to what stands in it."""
    evaluation: str | dict[str, str] | None = None
    """The evaluation of all columns, or one a column; null where there are published figures
    only."""
    gain_over: str | dict[str, str] | None = None
    """An evaluation, of all columns or one a column, whose measure is subtracted: the row shows
    gains, here and as published, in percentage points."""
    published: dict[str, float] = {}
    """Column to the published figure, as it is printed (percent); null for none."""
    x: float | None = None
    """Place on the axis of the table's plot, where the columns are what is plotted."""
    note: str = ""
    """Whose figure it is, or what is particular."""

    @field_validator("published", mode="before")
    @classmethod
    def _none_published(cls, value: Any) -> Any:
        return value or {}

    @model_validator(mode="after")
    def _check_filled(self) -> "TableRow":
        if not (self.evaluation or self.published):
            raise ValueError("a row needs an evaluation or published figures")
        return self

    def evaluation_of(self, column: str) -> str | None:
        """Name of the evaluation that a column shows; None where none is."""
        if isinstance(self.evaluation, dict):
            return self.evaluation.get(column)
        return self.evaluation

    def gain_over_of(self, column: str) -> str | None:
        """Name of the evaluation whose measure is subtracted in a column; None where it shows no
        gain."""
        if isinstance(self.gain_over, dict):
            return self.gain_over.get(column)
        return self.gain_over

    def evaluations_of(self, column: str) -> list[str]:
        """Names of all evaluations behind what a column shows as measured."""
        shown = self.evaluation_of(column)
        if shown is None:
            return []
        subtracted = self.gain_over_of(column)
        return [shown, subtracted] if subtracted else [shown]


class Table(Recipe):
    """Evaluations side by side with published figures."""

    title: str
    """What it is about."""
    columns: dict[
        str,
        Annotated[
            TableColumn, BeforeValidator(_long_column, json_schema_input_type=str | TableColumn)
        ],
    ] = Field(min_length=1)
    """Heading to column, or to its measure."""
    rows: dict[str, TableRow] = Field(min_length=1)
    """Name to row."""
    splits: tuple[Positive, ...] | None = Field(default=None, min_length=1)
    """Splits whose mean is shown; null for all that its evaluations have. The others are not
    computed for this table."""
    seeds: Annotated[int, Field(ge=1, le=1000, strict=True)] = 1
    """Seeds whose mean and standard deviation are shown: with more than 1, everything random behind
    the table's evaluations is made once per seed."""
    axis: str | None = None
    """What `x` is; draws a plot over it: of the columns where the rows have an `x`, of the rows
    where the columns have one."""
    note: str = ""
    """What a reader has to know."""

    @property
    def measures(self) -> dict[str, str]:
        """Heading to measure of the columns that have figures."""
        return {
            heading: column.measure
            for heading, column in self.columns.items()
            if column.measure != TEXT
        }

    @property
    def sections(self) -> dict[str, str]:
        """Row to the section that it stands in; '' for none."""
        found, section = {}, ""
        for name, row in self.rows.items():
            section = row.section or section
            found[name] = section
        return found

    @property
    def measurements(self) -> set[tuple[str, str]]:
        """(evaluation, measure) of all that it shows as measured, or subtracts."""
        return {
            (name, measure)
            for row in self.rows.values()
            for column, measure in self.measures.items()
            for name in row.evaluations_of(column)
        }

    @property
    def measurements_of_seeds(self) -> set[tuple[str, str]]:
        """The same, with the copies for the other seeds."""
        return {
            (seed_name(name, seed), measure)
            for name, measure in self.measurements
            for seed in range(self.seeds)
        }


class RetrievalFigure(Recipe):
    """Query clips and the nearest videos that are found, successes on the left and failures on the
    right (Fig. S1)."""

    title: str
    """What it is about."""
    evaluation: str
    """Evaluation whose retrieval is shown, of its first split."""
    queries: Annotated[int, Field(ge=1, le=100, strict=True)] = 4
    """Queries on the left, all of whose nearest videos are of their class, and on the right, all of
    whose nearest videos are of another; fewer where there are not as many."""
    neighbours: Annotated[int, Field(ge=1, le=10)] = 3
    """Nearest videos a query, each by its clip that is nearest."""


class Resources(Recipe):
    """What one job of a stage asks for."""

    threads: Annotated[int, Field(ge=1, le=4096, strict=True)] = 1
    """CPU cores."""
    mem_mb: Positive = 4000
    """Memory in MB."""
    runtime: Positive = 120
    """Time limit in minutes, for a cluster."""
    gpu: Annotated[int, Field(ge=0, le=1024, strict=True)] = 0
    """GPUs."""


class TrainingResources(Resources):
    """Resources of a training, and how it uses them, which changes nothing of what is learned but
    rounding and the units that dropout leaves out."""

    gpu: Annotated[int, Field(ge=0, le=1024, strict=True)] = 1
    """GPUs of a job; where there is none, as many processes on the CPU. 0 leaves a GPU alone."""
    compile: bool = False
    """Compile the network by torch.compile: a minute at the start, faster steps after it."""
    channels_last: bool = False
    """Keep tensors with their channels last in memory, which most GPUs prefer at 16 bits."""
    gpu_decoding: bool = False
    """Decode the clips on the GPU, by nvJPEG: where the CPU cores are too few to feed it."""

    @property
    def options(self) -> str:
        """How a training is run, as arguments of its command."""
        flags = ("compile", "channels_last", "gpu_decoding")
        chosen = [f"--{flag.replace('_', '-')}" for flag in flags if getattr(self, flag)]
        return " ".join([f"--devices {self.gpu}", *chosen])


class StageResources(Recipe):
    """Resources, a stage."""

    index: Resources = Resources(mem_mb=2000, runtime=60)
    frames: Resources = Resources(runtime=240)
    flow: Resources = Resources(runtime=720)
    motion_model: TrainingResources = TrainingResources(threads=8, mem_mb=16000, runtime=1440)
    features: Resources = Resources(threads=8, mem_mb=16000, runtime=240, gpu=1)
    pseudo_labels: Resources = Resources(threads=8, mem_mb=32000, runtime=240, gpu=1)
    appearance_model: TrainingResources = TrainingResources(threads=8, mem_mb=32000, runtime=4320)
    fine_tuning: TrainingResources = TrainingResources(threads=8, mem_mb=16000, runtime=1440)
    recognition: Resources = Resources(threads=8, mem_mb=16000, runtime=240, gpu=1)
    retrieval: Resources = Resources(threads=8, mem_mb=16000, runtime=240, gpu=1)
    tables: Resources = Resources(mem_mb=2000, runtime=10)
    """Metrics, tables and figures."""
    report: Resources = Resources(runtime=60)

    @model_validator(mode="before")
    @classmethod
    def _lay_over_defaults(cls, values: Any) -> Any:
        """What is said of a stage is laid over that stage's defaults, not over those of all."""
        if not isinstance(values, dict):
            return values
        fields = cls.model_fields
        return {
            stage: laid_over(fields[stage].default.model_dump(), said) if stage in fields else said
            for stage, said in values.items()
        }


NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
TARGET = re.compile(r"[A-Za-z]\w*", re.ASCII)

FEATURES = {"r2plus1d_18": 512, "r2plus1d_small": 128, "r3d_18": 512, "s3d": 1024, "s3d_g": 1024}
"""Backbone to its number of features, so that a config can be checked without PyTorch."""


class Defaults(Recipe):
    """What all recipes of a section share: each is laid over it, key by key."""

    motion_models: dict[str, Any] = {}
    pseudo_labels: dict[str, Any] = {}
    appearance_models: dict[str, Any] = {}
    evaluations: dict[str, Any] = {}


def laid_over(base: Any, over: Any) -> Any:
    """`base` with the keys of `over` in their place, at every depth."""
    if not (isinstance(base, dict) and isinstance(over, dict)):
        return over
    merged = {key: laid_over(base[key], over[key]) for key in base.keys() & over.keys()}
    return base | over | merged


class Config(Recipe):
    """A whole run: a graph of named artefacts. A name becomes a folder below `results/`."""

    base: str | None = None
    """Another config file, counted from the folder of the Snakefile, that this one is laid over."""
    notice: str = ""
    """What a reader of the tables and the report has to know of this run."""
    defaults: Defaults = Defaults()
    """What the recipes of a section share, so that each has to say only what is its own."""
    datasets: dict[str, Dataset] = Field(min_length=1)
    """Data sets: labelled ones (targets) and unlabelled ones (sources)."""
    frame_quality: Annotated[int, Field(ge=1, le=100)] = 95
    """JPEG quality of the stored frames."""
    flow: dict[str, Flow]
    """Ways to compute optical flow."""
    labelled_parts: dict[str, LabelledPart] = {}
    """Parts of training labels, where not all are used: what names the same one uses the same."""
    motion_models: dict[str, MotionModel] = {}
    """Networks on flow, trained with labels."""
    pseudo_labels: dict[str, PseudoLabels] = {}
    """Clusterings of motion features."""
    appearance_models: dict[str, AppearanceModel] = {}
    """Networks on RGB, trained on pseudo-labels."""
    evaluations: dict[str, Evaluation] = Field(min_length=1)
    """What is measured; a row of the report's table each."""
    tables: dict[str, Table] = {}
    """Evaluations side by side with published figures; a target of Snakemake each."""
    figures: dict[str, RetrievalFigure] = {}
    """Pictures of retrieval; a target of Snakemake each."""
    resources: StageResources = StageResources()
    """What the jobs ask for; a change of it reruns nothing."""

    @model_validator(mode="before")
    @classmethod
    def _lay_over_defaults(cls, values: Any) -> Any:
        defaults = values.get("defaults") if isinstance(values, dict) else None
        if not isinstance(defaults, dict):
            return values
        laid = {
            section: {
                name: laid_over(defaults[section], recipe)
                for name, recipe in values[section].items()
            }
            for section in Defaults.model_fields
            if isinstance(defaults.get(section), dict) and isinstance(values.get(section), dict)
        }
        return values | laid

    @model_validator(mode="after")
    def _check_names(self) -> "Config":
        for section in (
            "datasets",
            "flow",
            "labelled_parts",
            "motion_models",
            "pseudo_labels",
            "appearance_models",
            "evaluations",
        ):
            for name in getattr(self, section):
                if not NAME.fullmatch(name):
                    raise ValueError(
                        f"{section}.{name}: a name becomes a folder, so it may hold letters, "
                        "digits, '_', '-' and '.', and starts with a letter or digit"
                    )
        for name in self.motion_models.keys() & self.appearance_models.keys():
            raise ValueError(f"motion_models.{name} and appearance_models.{name} share a name")
        for name in (*self.tables, *self.figures):
            if not TARGET.fullmatch(name) or keyword.iskeyword(name):
                raise ValueError(
                    f"tables or figures, {name}: the name is a target of Snakemake, so it may hold "
                    "letters, digits and '_', starts with a letter and is no word of Python"
                )
        for name in self.tables.keys() & self.figures.keys():
            raise ValueError(f"tables.{name} and figures.{name} share a name")
        return self

    @model_validator(mode="after")
    def _check_references(self) -> "Config":
        def need(section: str, name: str, key: str, of: str, value: str, known: Mapping) -> None:
            if value not in known:
                have = ", ".join(sorted(known)) or "none"
                raise ValueError(
                    f"{section}.{name}.{key}: there is no {of} named {value!r} (there are: {have})"
                )

        for section in ("motion_models", "evaluations"):
            for name, recipe in getattr(self, section).items():
                if (part := recipe.labelled_part) is not None:
                    need(section, name, "labelled_part", "labelled part", part, self.labelled_parts)
        for name, motion in self.motion_models.items():
            here = ("motion_models", name)
            need(*here, "dataset", "data set", motion.dataset, self.datasets)
            if motion.flow is not None:
                need(*here, "flow", "flow", motion.flow, self.flow)
        for name, labels in self.pseudo_labels.items():
            here = ("pseudo_labels", name)
            need(*here, "dataset", "data set", labels.dataset, self.datasets)
            need(*here, "motion_model", "motion model", labels.motion_model, self.motion_models)
        for name, model in self.appearance_models.items():
            here = ("appearance_models", name)
            if model.pseudo_labels is not None:
                need(
                    *here, "pseudo_labels", "pseudo-labels", model.pseudo_labels, self.pseudo_labels
                )
            if model.mers:
                need(*here, "mers.dataset", "data set", model.mers.dataset, self.datasets)
                need(
                    *here,
                    "mers.motion_model",
                    "motion model",
                    model.mers.motion_model,
                    self.motion_models,
                )
        for name, evaluation in self.evaluations.items():
            here = ("evaluations", name)
            need(*here, "dataset", "data set", evaluation.dataset, self.datasets)
            need(*here, "model", "model", evaluation.model, self.models)
            if evaluation.fine_tuning and (mars := evaluation.fine_tuning.mars):
                need(
                    *here,
                    "fine_tuning.mars.motion_model",
                    "motion model",
                    mars.motion_model,
                    self.motion_models,
                )
        for name, figure in self.figures.items():
            need("figures", name, "evaluation", "evaluation", figure.evaluation, self.evaluations)
            if "retrieval" not in self.evaluations[figure.evaluation].measures:
                raise ValueError(
                    f"figures.{name}.evaluation: {figure.evaluation!r} does not measure retrieval"
                )
        return self

    @model_validator(mode="after")
    def _check_tables(self) -> "Config":
        for name, table in self.tables.items():
            _check_axis(f"tables.{name}", table)
            for heading, row in table.rows.items():
                here = f"tables.{name}.rows.{heading}"
                _check_columns(here, table, row)
                for column in table.measures:
                    for key in ("evaluation", "gain_over"):
                        evaluation = getattr(row, f"{key}_of")(column)
                        if evaluation is not None:
                            self._check_shown(here, key, evaluation, name, column)
        return self

    def _check_shown(
        self, here: str, key: str, evaluation: str, table_name: str, column: str
    ) -> None:
        """Whether an evaluation gives what a column of a table wants of it."""
        table = self.tables[table_name]
        measure = table.columns[column].measure
        if evaluation not in self.evaluations:
            raise ValueError(
                f"{here}.{key}: there is no evaluation named {evaluation!r} "
                f"(there are: {', '.join(self.evaluations)})"
            )
        lacking = {*(table.splits or ())} - {*self.evaluations[evaluation].splits}
        if lacking:
            raise ValueError(
                f"tables.{table_name}.splits: the evaluation {evaluation!r} has no split "
                f"{min(lacking)}"
            )
        if not self.evaluations[evaluation].gives(measure):
            raise ValueError(
                f"{here}: the evaluation {evaluation!r} does not give {measure!r}, "
                f"which tables.{table_name}.columns.{column} wants: a measure is "
                "`recognition top1` or `retrieval clip R@1`, and one that is in the "
                "evaluation's measures and recall_at"
            )

    @model_validator(mode="after")
    def _check_like_with_like(self) -> "Config":
        for name, table in self.tables.items():
            for column in table.measures:
                shown = {e for row in table.rows.values() for e in row.evaluations_of(column)}
                splits = {self.evaluations[evaluation].splits for evaluation in shown}
                if table.splits is None and len(splits) > 1:
                    raise ValueError(
                        f"tables.{name}.columns.{column}: its evaluations are of different splits: "
                        "say which ones to show, by splits"
                    )
        return self

    @model_validator(mode="after")
    def _check_sources(self) -> "Config":
        for name, labels in self.pseudo_labels.items():
            here, motion = f"pseudo_labels.{name}", self.motion_models[labels.motion_model]
            if labels.exclude_classes and not self.datasets[labels.dataset].has_labels:
                raise ValueError(f"{here}.exclude_classes: the source has no labels")
            if labels.videos == "unlabelled" and motion.dataset != labels.dataset:
                raise ValueError(
                    f"{here}.videos: `unlabelled` leaves out what the motion model learned from, "
                    f"but that is of another data set ({motion.dataset}): take `train`"
                )
        for name, model in self.appearance_models.items():
            here = f"appearance_models.{name}"
            if model.mers and model.pseudo_labels is not None:
                raise ValueError(f"{here}: give pseudo_labels or mers, not both")
            if model.mers:
                self._check_teacher(
                    f"{here}.mers",
                    model.mers.motion_model,
                    model.network.backbone,
                    model.frame_size,
                )
                if model.training.multi_clip_weight < 1:
                    raise ValueError(f"{here}.training.multi_clip_weight: MERS has but one loss")
            if model.pseudo_labels is None:
                none = "MERS has no pseudo-labels" if model.mers else "there are no pseudo-labels"
                for key in ("balanced", "neighbours"):
                    if getattr(model.training, key):
                        raise ValueError(f"{here}.training.{key}: {none}")
            elif (
                model.training.neighbours
                and self.pseudo_labels[model.pseudo_labels].granularity == "video"
            ):
                raise ValueError(
                    f"{here}.training.neighbours: a video that has one pseudo-label has no "
                    "neighbours"
                )
        for name, evaluation in self.evaluations.items():
            if evaluation.fine_tuning and (mars := evaluation.fine_tuning.mars):
                here = f"evaluations.{name}.fine_tuning.mars"
                if evaluation.model in self.motion_models:
                    raise ValueError(f"{here}: the network that learns has to be an RGB one")
                student = self.appearance_models[evaluation.model]
                self._check_teacher(
                    here, mars.motion_model, student.network.backbone, student.frame_size
                )
        return self

    def _check_teacher(self, key: str, teacher: str, backbone: str, size: Size) -> None:
        motion = self.motion_models[teacher]
        if motion.flow is None:
            raise ValueError(
                f"{key}: the motion model {teacher!r} can't teach, since it is not on flow "
                f"(motion_models.{teacher}.flow is null)"
            )
        if FEATURES[motion.network.backbone] != FEATURES[backbone]:
            raise ValueError(
                f"{key}: {backbone} has {FEATURES[backbone]} features, and can't learn the "
                f"{FEATURES[motion.network.backbone]} of {motion.network.backbone}"
            )
        if self.flow[motion.flow].size != size:
            raise ValueError(
                f"{key}: frames and flow are cropped alike, so frame_size has to be that of the "
                f"flow {motion.flow!r}"
            )

    @model_validator(mode="after")
    def _check_labels(self) -> "Config":
        """Refuses at once what would fail only after hours of optical flow."""

        def check(key: str, dataset: str, split: int, test: bool) -> None:
            recipe = self.datasets[dataset]
            if split > recipe.splits:
                raise ValueError(
                    f"{key}: the data set {dataset!r} has no split {split} (it has {recipe.splits})"
                )
            if reason := recipe.lacking(test):
                raise ValueError(f"{key}: the data set {dataset!r} can't be used here: {reason}")

        for name, motion in self.motion_models.items():
            split = 1 if motion.motion_split == "target" else motion.motion_split
            check(f"motion_models.{name}", motion.dataset, split, test=False)
        for name, evaluation in self.evaluations.items():
            for split in evaluation.splits:
                check(f"evaluations.{name}.splits", evaluation.dataset, split, test=True)
                for motion_model in self.motion_models_of(evaluation):
                    dataset = self.motion_models[motion_model].dataset
                    self._check_model_split(name, motion_model)
                    behind = self.model_split(evaluation, motion_model, split)
                    check(f"evaluations.{name}.model_split", dataset, behind, test=False)
            if evaluation.labelled_part and not evaluation.fine_tuning:
                raise ValueError(
                    f"evaluations.{name}.labelled_part: without fine-tuning no labels are used: "
                    "leave it out"
                )
            if not evaluation.labelled_part and len(self._parts_behind(evaluation)) > 1:
                raise ValueError(
                    f"evaluations.{name}.labelled_part: the motion models behind it learned from "
                    "different parts of the labels: say which one fine-tuning uses"
                )
        return self

    def _check_model_split(self, evaluation: str, motion_model: str) -> None:
        of_evaluation = self.evaluations[evaluation].model_split
        of_model = self.motion_models[motion_model].motion_split
        if "target" not in (of_evaluation, of_model) and of_evaluation != of_model:
            raise ValueError(
                f"evaluations.{evaluation}.model_split is {of_evaluation}, but there is a model of "
                f"split {of_model} alone (motion_models.{motion_model}.motion_split): leave one out"
            )

    @model_validator(mode="after")
    def _check_weights(self) -> "Config":
        for name, motion in self.motion_models.items():
            if motion.flow is not None and motion.network.weights:
                raise ValueError(
                    f"motion_models.{name}.network.weights: torchvision's weights are for RGB, and "
                    "this network is on flow: leave them out"
                )
        return self

    @model_validator(mode="after")
    def _check_crops(self) -> "Config":
        def fits(section: str, name: str, crop: int, size: Size) -> None:
            if crop > min(size):
                raise ValueError(
                    f"{section}.{name}: a crop of {crop} does not fit into frames of "
                    f"{size[0]}x{size[1]} pixels"
                )

        for name, motion in self.motion_models.items():
            fits("motion_models", name, motion.training.crop, self.size_of(name))
        for name, model in self.appearance_models.items():
            fits("appearance_models", name, model.training.crop, model.frame_size)
        for name, evaluation in self.evaluations.items():
            if evaluation.fine_tuning:
                fits(
                    "evaluations", name, evaluation.fine_tuning.crop, self.size_of(evaluation.model)
                )
        return self

    @model_validator(mode="after")
    def _check_fine_tuning(self) -> "Config":
        """Without fine-tuning a model has to know the target's classes."""
        for name, evaluation in self.evaluations.items():
            if evaluation.fine_tuning or "recognition" not in evaluation.measures:
                continue
            if evaluation.model not in self.motion_models:
                raise ValueError(
                    f"evaluations.{name}.fine_tuning: an appearance model knows only its "
                    "pseudo-labels, so it needs fine-tuning"
                )
            if self.motion_models[evaluation.model].training.multi_clip_weight == 0:
                raise ValueError(
                    f"evaluations.{name}.fine_tuning: the motion model {evaluation.model!r} learns "
                    "no labels (multi_clip_weight 0), so it needs fine-tuning"
                )
        return self

    def noticed(self, table: str) -> Table:
        """A table with the run's notice before its own note."""
        recipe = self.tables[table]
        return recipe.model_copy(update={"note": f"{self.notice} {recipe.note}".strip()})

    @property
    def models(self) -> dict[str, MotionModel | AppearanceModel]:
        """All that an evaluation may be of."""
        return {**self.motion_models, **self.appearance_models}

    def motion_model_of(self, model: str) -> str | None:
        """The motion model behind a model: itself, that of its pseudo-labels, or its teacher by
        MERS; None for random or pre-trained weights."""
        if model in self.motion_models:
            return model
        recipe = self.appearance_models[model]
        if recipe.mers:
            return recipe.mers.motion_model
        labels = recipe.pseudo_labels
        return self.pseudo_labels[labels].motion_model if labels else None

    def motion_models_of(self, evaluation: Evaluation) -> list[str]:
        """The motion models behind an evaluation: that of its model, and its teacher by MARS."""
        mars = evaluation.fine_tuning.mars if evaluation.fine_tuning else None
        found = (self.motion_model_of(evaluation.model), mars.motion_model if mars else None)
        return list(dict.fromkeys(name for name in found if name))

    def model_split(self, evaluation: Evaluation, model: str, split: int) -> int:
        """The split whose labels are behind a model of an evaluation (its model, or its teacher by
        MARS) where `split` is evaluated."""
        motion_model = self.motion_model_of(model)
        chosen = self.motion_models[motion_model].motion_split if motion_model else "target"
        if chosen == "target":
            chosen = evaluation.model_split
        return split if chosen == "target" else chosen

    def labels_of(self, motion_model: str) -> LabelledPart:
        """The labels that a motion model learns from."""
        part = self.motion_models[motion_model].labelled_part
        return self.labelled_parts[part] if part else ALL_LABELS

    def labels_of_evaluation(self, evaluation: Evaluation) -> LabelledPart:
        """The labels that an evaluation's fine-tuning learns from."""
        if evaluation.labelled_part:
            return self.labelled_parts[evaluation.labelled_part]
        parts = self._parts_behind(evaluation)
        return self.labelled_parts[parts[0]] if parts and parts[0] else ALL_LABELS

    def _parts_behind(self, evaluation: Evaluation) -> list[str | None]:
        """The labelled parts of an evaluation's data set that its motion models learned from."""
        models = (self.motion_models[name] for name in self.motion_models_of(evaluation))
        return list(
            dict.fromkeys(m.labelled_part for m in models if m.dataset == evaluation.dataset)
        )

    def leaks(self, evaluation: str, splits: Sequence[int] | None = None) -> bool:
        """Whether test videos of an evaluation, or of some of its splits, may have been learned
        from: with their labels, by a motion model of another split of the data set, or without, in
        a source that holds them."""
        recipe = self.evaluations[evaluation]
        dataset, model = recipe.dataset, recipe.model
        source = videos = None
        if model in self.appearance_models:
            source = self.source_of(model)
            appearance = self.appearance_models[model]
            if learned := appearance.mers or self.pseudo_labels.get(appearance.pseudo_labels or ""):
                videos = learned.videos
        if source == dataset and videos == "all":
            return True
        for name in self.motion_models_of(recipe):
            shown = splits or recipe.splits
            other_split = any(self.model_split(recipe, name, s) != s for s in shown)
            learned_from = {self.motion_models[name].dataset}
            if name == self.motion_model_of(model) and source:
                learned_from.add(source)
            if other_split and dataset in learned_from:
                return True
        return False

    def leaking(self, table: str) -> list[str]:
        """Names of the evaluations of a table some of whose test videos may have been learned
        from, in the splits that it shows; without the copies for other seeds, which are alike."""
        recipe = self.tables[table]
        shown = {name for name, _ in recipe.measurements}
        return sorted(name for name in shown if self.leaks(name, recipe.splits))

    def source_of(self, appearance_model: str) -> str | None:
        """The data set that an appearance model learns from; None for random weights."""
        recipe = self.appearance_models[appearance_model]
        if recipe.mers:
            return recipe.mers.dataset
        labels = recipe.pseudo_labels
        return self.pseudo_labels[labels].dataset if labels else None

    def flow_of(self, model: str) -> str | None:
        """The flow that a model reads; None where it reads RGB."""
        return self.motion_models[model].flow if model in self.motion_models else None

    def size_of(self, model: str) -> Size:
        """Height and width of the stored frames, or flow, that a model reads."""
        if (flow := self.flow_of(model)) is not None:
            return self.flow[flow].size
        return self.models[model].frame_size


def _check_axis(here: str, table: Table) -> None:
    """The places of a plot are those of the rows or of the columns."""
    columns = [heading for heading, column in table.columns.items() if column.x is not None]
    rows = [heading for heading, row in table.rows.items() if row.x is not None]
    for heading in columns:
        if table.columns[heading].measure == TEXT:
            raise ValueError(f"{here}.columns.{heading}.x: a column of words is not plotted")
    if table.axis is None:
        return
    if bool(columns) == bool(rows):
        found = "both rows and columns have" if rows else "no row and no column has"
        raise ValueError(
            f"{here}.axis: the table has an axis, and {found} a place on it: give x to the rows, "
            "so that the columns are plotted, or to the columns, so that the rows are"
        )
    for heading, row in table.rows.items():
        if rows and row.x is None and row.evaluation is not None and row.gain_over is None:
            raise ValueError(
                f"{here}.rows.{heading}.x: the table has an axis, so say where the row is"
            )


def _check_columns(here: str, table: Table, row: TableRow) -> None:
    """Whether a row speaks of columns that the table has, and of each as what it is."""
    own = {
        key: {*value}
        for key in ("text", "published", "evaluation", "gain_over")
        if isinstance(value := getattr(row, key), dict)
    }
    if unknown := sorted(set().union(*own.values()) - table.columns.keys()):
        raise ValueError(f"{here}: the table has no column {unknown[0]!r}")
    for key, columns in own.items():
        for column in sorted(columns):
            if (key == "text") != (column not in table.measures):
                kind = "figures" if key == "text" else "words (text)"
                raise ValueError(f"{here}.{key}: {column!r} is a column of {kind}")
    gains = own.get("gain_over", {*table.measures} if row.gain_over else set())
    if gains and not any(row.evaluation_of(column) for column in gains):
        raise ValueError(f"{here}.gain_over: the row has no evaluation to subtract from")
    for column in sorted(own.get("gain_over", ())):
        if row.evaluation_of(column) is None:
            raise ValueError(
                f"{here}.gain_over: there is no evaluation to subtract from in {column!r}"
            )


def over_base(values: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The values of a config file, laid over those of the file that it names as its base; over
    `config.yaml`, the demo, where it names none and has no data sets. Bases are in `folder`.

    Raises MotionFitError where there is no such file, it is no config file, or files are each
    other's base.
    """
    merged, met = dict(values), set()
    while base := merged.pop("base", None) or ("" if "datasets" in merged else "config.yaml"):
        if not isinstance(base, str) or not is_there(folder / base, Path.is_file):
            raise MotionFitError(f"base: {base} is no file in {folder}")
        if base in met:
            raise MotionFitError(f"base: {base} is laid over itself")
        met.add(base)
        merged = laid_over(read_config(folder / base), merged)
    return merged


def check_paths(config: Config) -> None:
    """Raises MotionFitError naming all keys whose files or folders are missing.

    Before a run begins, so that nothing is computed first.
    """
    weights = {
        f"{section}.{name}.network.weights": model.network.weights
        for section in ("motion_models", "appearance_models")
        for name, model in getattr(config, section).items()
        if model.network.weights
    }
    files, folders = list(weights.items()), []
    for name, dataset in config.datasets.items():
        for key, paths in dataset.paths().items():
            among = folders if key in dataset.folders else files
            among += [(f"datasets.{name}.{key}", path) for path in paths]
    missing = [
        f"{key}: there is no folder {path}"
        for key, path in folders
        if not is_there(path, Path.is_dir)
    ]
    missing += [
        f"{key}: there is no file {path}" for key, path in files if not is_there(path, Path.is_file)
    ]
    if missing:
        raise MotionFitError(
            f"files are not where the config says, counted from {Path.cwd()}:\n  "
            + "\n  ".join(missing)
        )


def is_there(path: Path, kind: Callable[[Path], bool]) -> bool:
    """Whether there is a file, or a folder, at a path that the system may refuse to look at."""
    try:
        return kind(path)
    except OSError:
        return False


R = TypeVar("R", bound=Recipe)


def load_config(values: Mapping[str, Any]) -> Config:
    """Checks the values of a config file.

    Raises MotionFitError with a line a mistake: the key, what was expected, what was found.
    """
    try:
        # Through JSON, so that what comes from YAML is plain values and lists become tuples.
        return Config.model_validate_json(json.dumps(values, default=str))
    except ValidationError as error:
        raise MotionFitError(describe(error)) from None


def parse_recipe(kind: type[R], text: str) -> R:
    """Reads a recipe from JSON text, as the workflow passes it to a stage."""
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        raise MotionFitError(describe(error)) from None


def parse_dataset(text: str) -> DatasetRecipe:
    """Reads a data set's recipe, of whatever format, from JSON text."""
    try:
        return TypeAdapter(Dataset).validate_json(text)
    except ValidationError as error:
        raise MotionFitError(describe(error)) from None


def describe(error: ValidationError) -> str:
    lines = []
    for detail in error.errors(include_url=False):
        parts = [str(part) for part in detail["loc"]]
        if parts[:1] == ["datasets"] and len(parts) > 2:
            del parts[2]  # the format, by which the kind of data set was chosen
        key = ".".join(parts)
        if detail["type"] == "extra_forbidden":
            message = "unknown key"
        elif detail["type"] == "missing":
            message = "this key is missing"
        elif detail["type"].startswith("union_tag"):
            message = "format should be one of ucf101, hmdb51, kinetics, folders, demo"
        elif detail["type"] == "value_error":
            message = str(detail["ctx"]["error"])
        else:
            message = f"{detail['msg']}, not {detail['input']!r}"
        lines.append(f"{key}: {message}" if key else message)
    return "the config is not right:\n  " + "\n  ".join(lines)
