"""Classes of a video file, from RGB alone."""

import logging
from pathlib import Path

import numpy as np

from motionfit.errors import MotionFitError
from motionfit.evaluation.recognition import video_probabilities
from motionfit.models import SavedModel, load_model
from motionfit.models.device import inference_device
from motionfit.store.clips import clip_frames
from motionfit.store.video import UnreadableVideoError, decode
from motionfit.training.clips import centre_crop
from motionfit.training.data import uniform_starts

log = logging.getLogger(__name__)


class Predictor:
    """A fine-tuned appearance model, ready to classify videos."""

    def __init__(self, model: Path, threads: int):
        self._device = inference_device(threads)
        network, self.about = load_model(model)
        if self.about.modality != "frames" or self.about.learned != "labels":
            raise MotionFitError(
                f"{model} can't name classes from RGB: give a fine-tuned appearance model, "
                "results/evaluations/NAME/splitN/model.pt"
            )
        self._network = network.to(self._device)

    def __call__(self, video: Path, clips: int) -> dict[str, float]:
        """Class to probability, the most probable first: the mean over `clips` clips.

        Raises MotionFitError where the video can't be decoded.
        """
        frames = decoded(video, self.about)
        L = self.about.clip_length
        starts, times = np.unique(uniform_starts(len(frames), L, clips), return_counts=True)
        chosen = [clip_frames(start, L, len(frames)) for start in starts.tolist()]
        probabilities = video_probabilities(
            self._network, self.about, frames[np.stack(chosen)], times, self._device
        )
        order = np.argsort(-probabilities)
        return {self.about.classes[k]: float(probabilities[k]) for k in order}


def decoded(video: Path, about: SavedModel) -> np.ndarray:
    """(T, S, S, 3) uint8: the centre crops, of the size and rate that the model learned from.

    What can't be decoded is left out, with a warning; raises MotionFitError where nothing is left.
    """
    size = (about.frame_size[0], about.frame_size[1])
    frames = []
    try:
        for frame in decode(video, size, about.fps):
            frames.append(centre_crop(frame[None], about.crop)[0])
    except UnreadableVideoError as error:
        if not frames:
            raise MotionFitError(f"{video} can't be decoded: {error}") from None
        log.warning("%s: %s; its class is that of the %d frames left", video, error, len(frames))
    return np.stack(frames)
