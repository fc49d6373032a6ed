"""Recipes of networks, motion models, pseudo-labels and appearance models."""

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from motionfit.config.backbones import BACKBONES
from motionfit.config.recipe import Recipe
from motionfit.config.references import Names
from motionfit.config.training import SelfTraining, Training
from motionfit.config.values import ClipLength, Positive, Seed, Size, SplitOrTarget


def _check_clip_length(backbone: str, clip_length: int | None) -> None:
    shortest = BACKBONES[backbone].shortest_clip
    if clip_length is not None and clip_length < shortest:
        raise ValueError(f"{backbone} needs clips of {shortest} frames or more")


class Network(Recipe):
    """A backbone and the clips it is trained on."""

    backbone: Literal[*BACKBONES] = "r2plus1d_18"
    """`r2plus1d_18`, the paper's, `r3d_18` and `s3d`: torchvision's networks; `s3d_g`: S3D with
    self-gating, which the paper feeds clips of 64 frames and 224 pixels; `r2plus1d_small`: R(2+1)D
    with one block per stage and fewer channels."""
    clip_length: ClipLength = 16
    """L: consecutive frames per clip (the paper's)."""

    weights: Path | None = None
    """File of weights in torchvision's format from which the network starts, except for its
    classifier; null for random weights."""

    @model_validator(mode="after")
    def _check_backbone(self) -> "Network":
        _check_clip_length(self.backbone, self.clip_length)
        if self.weights and not BACKBONES[self.backbone].published:
            raise ValueError(
                f"weights: torchvision has none of {self.backbone}: choose another backbone, or "
                "remove weights"
            )
        return self


class Features(Recipe):
    """Features of densely sampled clips."""

    clip_length: ClipLength | None = None
    """L of these clips, in frames (the paper has 16, 32 and 64); null for the L of the network's
    training."""
    stride: Positive = 16
    """Frames from the start of one clip to the start of the next. The paper does not say."""
    batch_size: Positive = 32
    """Largest number of clips per batch; large clips come in smaller batches."""


class MotionModel(Recipe):
    """A network on flow, trained on a small labelled data set (step 2 of the paper's Fig. 2)."""

    dataset: Annotated[str, Names("datasets")]
    """The labelled data set."""
    labelled_part: Annotated[str | None, Names("labelled_parts")] = None
    """The part of its training labels that is used, one of `labelled_parts`; null for all."""
    flow: Annotated[str | None, Names("flow")]
    """The flow that it reads, one of `flow`; null for a network on RGB, whose pseudo-labels are of
    appearance."""
    frame_size: Size = (128, 171)
    """Height and width in pixels of the stored frames, for a network on RGB."""
    motion_split: SplitOrTarget = "target"
    """Split whose training set it learns from: a number; or `target` for one model per split of the
    evaluation, so that no model has seen the label of a video that it is tested on."""
    network: Network = Network()
    """The network and its clips."""
    training: Training = Training()
    """How it is trained."""
    features: Features = Features()
    """The clips whose features are taken."""

    @model_validator(mode="after")
    def _check_features(self) -> "MotionModel":
        _check_clip_length(self.network.backbone, self.features.clip_length)
        return self

    @property
    def features_clip_length(self) -> int:
        """L of the clips whose features are taken."""
        return self.features.clip_length or self.network.clip_length


class PseudoLabels(Recipe):
    """Clusters of a motion model's features of the source videos."""

    motion_model: Annotated[str, Names("motion_models")]
    """The motion model whose features are clustered."""
    dataset: Annotated[str, Names("datasets")]
    """The source data set."""
    videos: Literal["train", "unlabelled", "all"] = "train"
    """Source videos that get pseudo-labels. `train`: all but the test videos of the split that is
    evaluated; `unlabelled`: those of `train` whose labels the motion model did not learn from;
    `all`: every video."""
    exclude_classes: tuple[str, ...] = ()
    """Classes whose videos are left out. Needs a source with labels."""
    granularity: Literal["clip", "segment_percentile", "segment_equal", "video"] = "clip"
    """What gets one label: each clip; each segment between changes of motion (Eq. 4); each of
    `segments` equal parts of a video; or each video."""
    percentile: Annotated[float, Field(ge=0, le=100)] = 75.0
    """p of Eq. 4 in percent, for `segment_percentile`. The paper gives none."""
    segments: Annotated[int, Field(ge=1, le=10_000, strict=True)] = 3
    """Number of parts per video, for `segment_equal` (the paper's)."""
    pca: Positive | None = None
    """Number of principal components to which features are reduced before they are clustered; null
    leaves features as they are, as in the paper."""
    whiten: bool = False
    """Scale the principal components to unit variance."""
    normalise: bool = False
    """Scale each feature vector to unit length before it is clustered, so that K-means compares
    directions."""
    clusters: Annotated[int, Field(ge=2, le=1_000_000_000)] = 1000
    """K: number of pseudo-labels (the paper's)."""
    restarts: Positive = 1
    """Number of runs of K-means, each from another start; the run with the lowest inertia is
    kept."""
    max_iterations: Positive = 100
    """Largest number of iterations of K-means."""
    seed: Seed = 0
    """Seed of K-means."""

    @model_validator(mode="after")
    def _check_pca(self) -> "PseudoLabels":
        if self.whiten and self.pca is None:
            raise ValueError("whiten scales principal components: give pca, their number")
        return self


class Teaching(Recipe):
    """The common keys of the methods by which an RGB network learns a motion model's features."""

    key: ClassVar[str]
    """Key of this method in an appearance model's recipe."""
    title: ClassVar[str]
    """Name of the method in the report and in messages."""

    motion_model: Annotated[str, Names("motion_models")]
    """The motion model that teaches."""
    dataset: Annotated[str, Names("datasets")]
    """The source data set."""
    videos: Literal["train", "all"] = "train"
    """Source videos to learn from. `train`: all but the test videos of the split that is evaluated;
    `all`: every video."""


class Mers(Teaching):
    """Knowledge transfer by MERS (Crasto et al. 2019): the RGB network learns to predict a motion
    model's features. The loss is their mean squared difference; no labels are used."""

    key: ClassVar[str] = "mers"
    title: ClassVar[str] = "MERS"

    weight: Annotated[float, Field(gt=0)] = 50.0
    """Factor of the squared difference, which is the whole loss. 50 is from the authors' code."""


TEACHING = (Mers,)
"""All methods of teaching. Each is a key of the recipe of an appearance model."""


class AppearanceModel(Recipe):
    """A network on RGB that learns from pseudo-labels or by MERS. It starts from random weights, or
    from `network.weights`. With neither pseudo-labels nor MERS it is not trained."""

    pseudo_labels: Annotated[str | None, Names("pseudo_labels")]
    """The pseudo-labels that it learns; null for a network that learns by `mers`, or for one that
    is not trained, to compare with: random weights or, with `network.weights`, pre-trained
    ones."""
    mers: Mers | None = None
    """Learn a motion model's features instead of pseudo-labels."""
    network: Network = Network()
    """The network and its clips."""
    frame_size: Size = (128, 171)
    """Height and width in pixels of the stored frames (the paper's)."""
    training: SelfTraining = SelfTraining()
    """How it is trained."""

    @property
    def teaching(self) -> Teaching | None:
        """The method by which a motion model teaches it, if any."""
        given = (getattr(self, method.key) for method in TEACHING)
        return next((method for method in given if method), None)
