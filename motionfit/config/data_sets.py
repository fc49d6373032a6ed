"""Recipes of data sets, and of the part of their labels that is used."""

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from motionfit.config.recipe import Recipe
from motionfit.config.values import Fraction, Rate, Seed, Unit


class DatasetRecipe(Recipe):
    """What all data sets share."""

    folders: ClassVar[tuple[str, ...]] = ("videos", "annotations")
    """Which of the `paths` are folders; the others are files."""

    shards: Annotated[int, Field(ge=1, le=9999, strict=True)] = 8
    """Number of HDF5 files (shards) into which frames and flow are divided. Each shard is a job;
    100 to 250 videos per shard give jobs of a sensible length."""
    fps: Rate | None = None
    """Frame rate in frames per second at which videos are sampled; null keeps each video's own."""
    max_failed: Annotated[float, Field(ge=0, le=1)] = 0.05
    """Largest fraction of the videos that may fail to decode; above it the run stops."""

    @property
    def splits(self) -> int:
        """Number of splits into training and test videos."""
        return 1

    @property
    def has_labels(self) -> bool:
        """Whether any video has a label."""
        return True

    def lacking(self, test: bool) -> str:
        """Why the data set can't be trained on (with `test`, or tested on) with labels; '' if it
        can."""
        return ""

    def annotation_files(self) -> list[Path]:
        """The files, besides videos, that say what is in the data set."""
        return []

    def paths(self) -> dict[str, list[Path]]:
        """Key to the files or folders that it names. All of them have to exist."""
        names = ("videos", "annotations", "labels")
        values = {name: getattr(self, name, None) for name in names}
        return {
            name: list(value) if isinstance(value, tuple) else [value]
            for name, value in values.items()
            if value is not None
        }


class OfficialSplits(DatasetRecipe):
    """A data set with official lists of three splits."""

    format: str
    videos: Path
    """Folder with one folder per class."""
    annotations: Path
    """Folder of the official split lists."""

    @property
    def splits(self) -> int:
        return 3

    def annotation_files(self) -> list[Path]:
        return sorted(self.annotations.glob("*.txt"))


class Ucf101(OfficialSplits):
    """UCF101: one folder per class, and the lists `trainlist0N.txt` and `testlist0N.txt`."""

    format: Literal["ucf101"]


class Hmdb51(OfficialSplits):
    """HMDB51: one folder per class, and the lists `CLASS_test_splitN.txt`."""

    format: Literal["hmdb51"]


class Kinetics(DatasetRecipe):
    """Kinetics: ActivityNet's CSV files, and videos with the file names that common downloaders
    give them."""

    folders: ClassVar[tuple[str, ...]] = ("videos",)

    format: Literal["kinetics"]
    videos: Path
    """Folder of the videos, either all in it or in one folder per class."""
    annotations: tuple[Path, ...] = Field(min_length=1)
    """CSV files with the columns label, youtube_id, time_start, time_end and split."""

    def annotation_files(self) -> list[Path]:
        return list(self.annotations)

    @field_validator("annotations")
    @classmethod
    def _check_annotations(cls, value: tuple[Path, ...]) -> tuple[Path, ...]:
        for path in value:
            if value.count(path) > 1:
                raise ValueError(f"{path} is listed twice: name each file once")
        return value


class Folders(DatasetRecipe):
    """Your own videos: one folder per class, any folders without labels, or a `labels.csv`."""

    format: Literal["folders"]
    videos: Path
    """Folder of the videos. With `labelled: true` each folder directly below it is a class."""
    labelled: bool = True
    """Whether the folders directly below `videos` are classes. Ignored if `labels` is given."""
    labels: Path | None = None
    """CSV file with the columns path (below `videos`) and label, and optionally group and split."""
    unlabelled: tuple[str, ...] = ()
    """Classes whose videos count as unlabelled: they neither train nor test."""
    test_groups: tuple[str, ...] = ()
    """Groups that form the test set; all others form the training set."""
    test_fraction: Annotated[float, Field(ge=0, lt=1)] = 0.25
    """Fraction of the groups that is drawn as the test set, if neither `folds`, `test_groups` nor a
    column `split` gives it."""
    folds: Annotated[int, Field(ge=2, le=100, strict=True)] | None = None
    """Number of splits, each with another part of the groups as its test set, so that every
    labelled video is tested once. The parts have about the same number of videos of each class.
    Evaluations that name no `splits` use all of them. null gives one split."""
    seed: Seed = 0
    """Seed of the draw of the test set, or of the folds."""

    @model_validator(mode="after")
    def _check_folds(self) -> "Folders":
        if self.folds and self.test_groups:
            raise ValueError(
                "folds test every group once, and test_groups names those of a single test set: "
                "remove one of the two"
            )
        return self

    @property
    def splits(self) -> int:
        return self.folds or 1

    @property
    def has_labels(self) -> bool:
        return self.labelled or self.labels is not None

    def annotation_files(self) -> list[Path]:
        return [self.labels] if self.labels else []

    def lacking(self, test: bool) -> str:
        return "" if self.has_labels else "it has no labels (labelled: false)"


Videos = Annotated[int, Field(ge=0, le=9999, strict=True)]
"""Videos per class."""
Pixels = Annotated[float, Field(ge=0, le=1000)]


class Demo(DatasetRecipe):
    """Rendered videos. Their class is their motion; their appearance tells nothing about it."""

    format: Literal["demo"]
    train: Videos = 0
    """Labelled training videos per class."""
    test: Videos = 0
    """Labelled test videos per class."""
    unlabelled: Videos = 0
    """Unlabelled videos per class."""
    frames: Annotated[int, Field(ge=2, le=10_000)] = 24
    """Frames per video."""
    height: Annotated[int, Field(ge=16, le=8192, multiple_of=2)] = 48
    """Height of the videos in pixels."""
    width: Annotated[int, Field(ge=16, le=8192, multiple_of=2)] = 64
    """Width of the videos in pixels."""
    speed: tuple[Pixels, Pixels] = (0.5, 1.5)
    """Smallest and largest speed of the motion, in pixels per frame; where an object turns or
    grows, the speed of its rim."""
    camera: Pixels = 0.5
    """Standard deviation of the camera's motion, in pixels per frame."""
    clutter: Annotated[float, Field(ge=0, le=1)] = 0.3
    """Contrast of the background's texture, as a fraction of the moving patch's contrast."""
    noise: Annotated[float, Field(ge=0, le=255)] = 8.0
    """Standard deviation of the pixel noise, in grey levels from 0 to 255."""
    seed: Seed = 0
    """Seed of everything random in the videos."""

    def lacking(self, test: bool) -> str:
        if not self.train:
            return "it has no labelled training videos (train: 0)"
        return "it has no test videos (test: 0)" if test and not self.test else ""


Dataset = Annotated[
    Ucf101 | Hmdb51 | Kinetics | Folders | Demo,
    Field(discriminator="format"),
]


class LabelledPart(Recipe):
    """The part of a data set's training labels that may be used."""

    label_fraction: Fraction = 1.0
    """Fraction of each class's training videos whose labels are used, as close as whole units
    allow."""
    label_unit: Unit = "group"
    """What is drawn: whole groups, so that no recording is both labelled and unlabelled; or single
    videos, as in the paper."""
    label_seed: Seed = 0
    """Seed of the draw. With one seed, a smaller fraction is part of a larger one."""


ALL_LABELS = LabelledPart()
