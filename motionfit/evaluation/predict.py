"""Classifies a video file from its RGB frames alone."""

import logging
from pathlib import Path

import av
import numpy as np

from motionfit.clips.transforms import centre_crop
from motionfit.errors import MotionFitError
from motionfit.evaluation.recognition import ClipsOfVideo, chosen_starts, video_probabilities
from motionfit.inference import check_finite
from motionfit.modality import Modality
from motionfit.models import Learned, SavedModel, load_model
from motionfit.models.device import inference_device
from motionfit.store.clips import clip_frames
from motionfit.store.frames import ONE_FRAME
from motionfit.store.images import decode_rgb, encode_jpeg
from motionfit.store.video import UnreadableVideoError, kept_frames, upright

log = logging.getLogger(__name__)

CLIPS = 10
"""Clips per video if the model has not been evaluated."""


class Predictor:
    """A fine-tuned appearance model, ready to classify videos as its evaluation did."""

    def __init__(self, model: Path, threads: int):
        self._device = inference_device(threads)
        network, self.about = load_model(model)
        if self.about.modality != Modality.FRAMES or self.about.learned != Learned.LABELS:
            raise MotionFitError(
                f"{model} can't name classes from RGB: give a fine-tuned appearance model, "
                "results/evaluations/NAME/splitN/model.pt"
            )
        self._network = network.to(self._device)
        self._model = model

    def __call__(self, video: Path, clips: int | None = None) -> dict[str, float]:
        """Returns the probability of each class, the most probable class first.

        The probabilities are means over `clips` clips of the video; by default, over as many as the
        model's evaluation used. Raises MotionFitError if fewer than two frames of the video can be
        decoded or if a probability is not finite.
        """
        video_clips = read_clips(video, self.about, clips or self.about.clips or CLIPS)
        probabilities = video_probabilities(self._network, self.about, video_clips, self._device)
        check_finite(probabilities, self._model)
        order = np.argsort(-probabilities)
        return {self.about.classes[k]: float(probabilities[k]) for k in order}


def read_clips(video: Path, about: SavedModel, count: int) -> ClipsOfVideo:
    """Reads `count` evenly spread clips of a video file, as if from its stored frames.

    The video is decoded twice: the first pass counts the frames, so that the second one keeps only
    the frames of the clips in memory. Frames that can't be decoded are left out, with a warning.
    """
    length, problem = 0, ""
    try:
        for _ in kept_frames(video, about.fps):
            length += 1
    except UnreadableVideoError as error:
        problem = str(error)
    if length == 0:
        raise MotionFitError(f"{video} can't be decoded: {problem}")
    if length == 1:
        raise MotionFitError(f"{video} can't be classified: {ONE_FRAME}. {problem}".rstrip())
    if problem:
        log.warning("%s: %s; it is classified by the %d frames left", video, problem, length)
    starts, weights = chosen_starts(length, about.clip_length, count)
    positions = [clip_frames(start, about.clip_length, length) for start in starts.tolist()]
    needed = {position for of_clip in positions for position in of_clip}
    frames = {}
    for position, frame in zip(range(length), kept_frames(video, about.fps), strict=False):
        if position in needed:
            frames[position] = centre_crop(as_stored(frame, about)[None], about.crop)[0]
    clips = [np.stack([frames[position] for position in of_clip]) for of_clip in positions]
    return ClipsOfVideo(np.stack(clips), weights)


def as_stored(frame: av.VideoFrame, about: SavedModel) -> np.ndarray:
    """Resizes and compresses a frame as the frames that the model learned from: (H, W, 3) uint8."""
    image = upright(frame, (about.frame_size[0], about.frame_size[1]))
    return decode_rgb(np.frombuffer(encode_jpeg(image, about.quality), np.uint8))
