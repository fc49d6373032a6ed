"""A model that classifies video files and gives their features, from RGB alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
import torch

from motionfit.clips.transforms import network_input
from motionfit.errors import MotionFitError
from motionfit.evaluation.recognition import ClipsOfVideo, clips_at_once, video_probabilities
from motionfit.inference import check_finite
from motionfit.modality import Modality
from motionfit.models import Learned, load_model
from motionfit.models.device import inference_device
from motionfit.use.cut import Cut
from motionfit.use.windows import read_windows

CLIPS = 10
"""Clips per video if the model has not been evaluated."""


@dataclass(frozen=True, eq=False)
class Prediction:
    """The classes of a video or of a window of it."""

    start: float
    """Seconds since the first frame of the video."""
    end: float
    classes: dict[str, float]
    """The probability of each class, the most probable class first."""

    @property
    def best(self) -> tuple[str, float]:
        """The most probable class and its probability."""
        return next(iter(self.classes.items()))


@dataclass(frozen=True, eq=False)
class Embedding:
    """The features of a video or of a window of it."""

    start: float
    """Seconds since the first frame of the video."""
    end: float
    features: np.ndarray
    """(D,) float32."""


class Model:
    """A model on RGB, ready to read video files.

    Clips are read as in the evaluation of the model, spread evenly over the video or the window. By
    default there are as many as in the evaluation. The methods raise MotionFitError if a video has
    fewer than two frames that can be decoded.
    """

    def __init__(self, path: Path, threads: int | None = None):
        """Reads a model.pt. It runs on a GPU if there is one, otherwise on `threads` CPU threads
        (default: PyTorch's setting).

        Raises MotionFitError if the file is not a model on RGB.
        """
        self.path = path
        self.network, self.about = load_model(path)
        if self.about.modality != Modality.FRAMES:
            raise MotionFitError(f"{path} reads flow. {FINE_TUNED}")
        self._device = inference_device(threads or torch.get_num_threads())
        self.network.to(self._device)

    @property
    def classes(self) -> list[str]:
        """Names of the classes."""
        return self.about.classes

    @property
    def clips(self) -> int:
        """Clips per video: as many as in the model's evaluation."""
        return self.about.clips or CLIPS

    def predict(self, video: str | PathLike[str], clips: int | None = None) -> dict[str, float]:
        """The probability of each class, the most probable class first. The probabilities are the
        mean of those of the clips."""
        [prediction] = self.predictions(Path(video), clips=clips)
        return prediction.classes

    def embed(self, video: str | PathLike[str]) -> np.ndarray:
        """The features (D,) float32 of a video: the mean of the features of its clips, before the
        classifier."""
        [embedding] = self.embeddings(Path(video))
        return embedding.features

    def predictions(
        self, video: Path, cut: Cut | None = None, clips: int | None = None
    ) -> Iterator[Prediction]:
        """Yields the classes of each window, or of the whole video."""
        self.need_classes()
        for window in read_windows(video, self.about, clips or self.clips, cut):
            probabilities = video_probabilities(
                self.network, self.about, window.clips, self._device
            )
            check_finite(probabilities, self.path)
            order = np.argsort(-probabilities)
            classes = {self.classes[k]: float(probabilities[k]) for k in order}
            yield Prediction(window.start, window.end, classes)

    def embeddings(self, video: Path, cut: Cut | None = None) -> Iterator[Embedding]:
        """Yields the features of each window, or of the whole video."""
        for window in read_windows(video, self.about, self.clips, cut):
            features = self._features(window.clips)
            check_finite(features, self.path)
            yield Embedding(window.start, window.end, features)

    def need_classes(self) -> None:
        """Raises MotionFitError if the model has not learned classes."""
        if self.about.learned != Learned.LABELS:
            raise MotionFitError(f"{self.path} has not learned classes. {FINE_TUNED}")

    @torch.inference_mode()
    def _features(self, video: ClipsOfVideo) -> np.ndarray:
        """The weighted mean (D,) float32 of the features of clips."""
        features = []
        for clips in torch.from_numpy(video.clips).split(clips_at_once(self.about, self._device)):
            x = network_input(clips.to(self._device), self.about.modality)
            features.append(self.network.features(x).float().cpu().numpy())
        mean = np.average(np.concatenate(features), axis=0, weights=video.weights)
        return mean.astype(np.float32)


FINE_TUNED = "Give a fine-tuned appearance model, such as results/evaluations/NAME/splitN/model.pt"


def load(path: str | PathLike[str]) -> Model:
    """Reads a model.pt. Raises MotionFitError if it is not a model on RGB."""
    return Model(Path(path))
