"""Reads the clips of a video file, of the whole video or of one window after the other."""

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np

from motionfit.clips.transforms import centre_crop
from motionfit.errors import MotionFitError
from motionfit.evaluation.recognition import ClipsOfVideo, chosen_starts
from motionfit.models import SavedModel
from motionfit.store.clips import clip_frames
from motionfit.store.frames import ONE_FRAME
from motionfit.store.images import decode_rgb, encode_jpeg
from motionfit.store.video import UnreadableVideoError, timed_frames, upright
from motionfit.use.cut import Cut

log = logging.getLogger(__name__)

QUALITY = 95
"""JPEG quality of the frames for a model that was not trained on stored frames."""

TOLERANCE = 0.001
"""Seconds by which a frame may come too early for its window, for rounded time stamps."""


class Window(NamedTuple):
    """A part of a video and the clips that stand for it."""

    start: float
    """Seconds since the first frame of the video."""
    end: float
    clips: ClipsOfVideo


def check_cut(cut: Cut, about: SavedModel) -> None:
    """Warns if windows are shorter than a clip, which then begins again with its first frame.

    Raises MotionFitError if several windows would have the same frames at the model's rate. In a
    video with a lower rate, or with a model that takes all frames of a video, that can still be so.
    """
    overlap = cut.every < cut.seconds
    if overlap and about.fps and cut.every * about.fps < 0.99:  # 1, but for rounding
        raise MotionFitError(
            f"the model takes {about.fps:g} frames per second, so with --every {cut.every:g} "
            f"several windows would have the same frames: give {1 / about.fps:.3g} or more"
        )
    rate = about.fps or about.rate
    if rate and (span := about.clip_length / rate) > cut.seconds + 1 / rate:
        log.warning(
            "windows of %g seconds are shorter than a clip of the model, %.1f seconds (%d frames): "
            "clips begin again with their first frame, and the result is less sure",
            cut.seconds,
            span,
            about.clip_length,
        )


def read_windows(video: Path, about: SavedModel, count: int, cut: Cut | None) -> Iterator[Window]:
    """Yields windows, each with `count` evenly spread clips, or one window for the whole video if
    `cut` is None. Raises MotionFitError like `whole_video` and `windows`."""
    if cut is None:
        yield whole_video(video, about, count)
    else:
        yield from windows(video, about, count, cut)


def whole_video(video: Path, about: SavedModel, count: int) -> Window:
    """Reads `count` evenly spread clips of a video file, as if from its stored frames.

    The video is decoded twice: the first pass counts the frames, so that the second one keeps only
    the frames of the clips in memory. Frames that can't be decoded are left out, with a warning.
    Raises MotionFitError if fewer than two frames can be decoded.
    """
    length, last, problem = 0, 0.0, ""
    try:
        for time, _ in timed_frames(video, about.fps):
            length, last = length + 1, time
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
    for position, (_, frame) in zip(range(length), timed_frames(video, about.fps), strict=False):
        if position in needed:
            frames[position] = cropped(as_stored(frame, about), about)
    clips = [np.stack([frames[position] for position in of_clip]) for of_clip in positions]
    return Window(0.0, last + last / (length - 1), ClipsOfVideo(np.stack(clips), weights))


def windows(video: Path, about: SavedModel, count: int, cut: Cut) -> Iterator[Window]:
    """Yields windows, each with `count` evenly spread clips. Windows with fewer than two frames are
    left out.

    The video is decoded once. Memory holds the compressed frames of two and a half windows at most.
    Frames that can't be decoded are left out, with a warning. Raises MotionFitError if no window
    has two frames.
    """
    found = False
    for start, end, images in split(stored_frames(video, about), cut):
        if len(images) < 2:
            continue
        found = True
        starts, weights = chosen_starts(len(images), about.clip_length, count)
        positions = [clip_frames(s, about.clip_length, len(images)) for s in starts.tolist()]
        clips = [np.stack([cropped(images[t], about) for t in of_clip]) for of_clip in positions]
        yield Window(start, end, ClipsOfVideo(np.stack(clips), weights))
    if not found:
        raise MotionFitError(
            f"{video} has no window of {cut.seconds:g} seconds with two frames: use longer windows"
        )


def split(
    frames: Iterable[tuple[float, bytes]], cut: Cut
) -> Iterator[tuple[float, float, list[bytes]]]:
    """Divides frames with times into windows: start, end, frames.

    The last window reaches the end of the video. It takes a remainder that is less than half of a
    further window, so its length is between a half and one and a half of `cut.seconds`.
    """
    number, start, following = 0, 0.0, cut.every
    held: list[tuple[float, bytes]] = []
    for time, frame in frames:
        # Until the window is complete, and half of the following one is in the video, too.
        while time + TOLERANCE >= max(start + cut.seconds, following + 0.5 * cut.seconds):
            end = start + cut.seconds
            inside = [image for moment, image in held if moment + TOLERANCE < end]
            yield start, end, inside
            held = [frame for frame in held if frame[0] + TOLERANCE >= following]
            number += 1
            start, following = following, (number + 1) * cut.every
        held.append((time, frame))
    if held:
        times = [time for time, _ in held]
        step = (times[-1] - times[0]) / max(len(times) - 1, 1)  # how long the last frame is shown
        yield start, times[-1] + step, [image for _, image in held]


def stored_frames(video: Path, about: SavedModel) -> Iterator[tuple[float, bytes]]:
    """Yields the frames that can be decoded as the JPEG that would be stored, with their times.
    Warns of the others. Raises MotionFitError if there are no frames."""
    count = 0
    try:
        for time, frame in timed_frames(video, about.fps):
            count += 1
            yield time, as_stored(frame, about)
    except UnreadableVideoError as error:
        if not count:
            raise MotionFitError(f"{video} can't be decoded: {error}") from None
        log.warning("%s: %s; the %d frames left are used", video, error, count)


def as_stored(frame: av.VideoFrame, about: SavedModel) -> bytes:
    """A frame as JPEG, in the size and quality of the frames that the model learned from."""
    image = upright(frame, (about.frame_size[0], about.frame_size[1]))
    return encode_jpeg(image, about.quality or QUALITY)


def cropped(jpeg: bytes, about: SavedModel) -> np.ndarray:
    """The centre of a stored frame, (S, S, 3) uint8 RGB."""
    return centre_crop(decode_rgb(np.frombuffer(jpeg, np.uint8))[None], about.crop)[0]
