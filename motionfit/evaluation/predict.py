"""Classes of a video file, from RGB alone."""

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
"""Clips per video of a model that has not been evaluated."""


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
        """Class to probability, the most probable first: the mean over so many clips, those of the
        model's evaluation where None.

        Raises MotionFitError where fewer than two frames of the video can be decoded, or the model
        gives no numbers.
        """
        seen = read_clips(video, self.about, clips or self.about.clips or CLIPS)
        probabilities = video_probabilities(self._network, self.about, seen, self._device)
        check_finite(probabilities, self._model)
        order = np.argsort(-probabilities)
        return {self.about.classes[k]: float(probabilities[k]) for k in order}


def read_clips(video: Path, about: SavedModel, count: int) -> ClipsOfVideo:
    """What a video is recognised by, as from its stored frames.

    The video is decoded twice, first to count its frames, so that no more frames are in memory than
    the clips have. What can't be decoded is left out, with a warning.
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
        log.warning("%s: %s; its class is that of the %d frames left", video, problem, length)
    starts, weights = chosen_starts(length, about.clip_length, count)
    places = [clip_frames(start, about.clip_length, length) for start in starts.tolist()]
    needed = {place for of_clip in places for place in of_clip}
    frames = {}
    for place, frame in zip(range(length), kept_frames(video, about.fps), strict=False):
        if place in needed:
            frames[place] = centre_crop(as_stored(frame, about)[None], about.crop)[0]
    return ClipsOfVideo(
        np.stack([np.stack([frames[place] for place in of_clip]) for of_clip in places]), weights
    )


def as_stored(frame: av.VideoFrame, about: SavedModel) -> np.ndarray:
    """(H, W, 3) uint8: a frame of the size that the model learned from, after the JPEG that the
    model's frames went through."""
    image = upright(frame, (about.frame_size[0], about.frame_size[1]))
    return decode_rgb(np.frombuffer(encode_jpeg(image, about.quality), np.uint8))
