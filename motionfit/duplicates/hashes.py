"""Perceptual hashes of the frames of a video, and the pairs of videos whose hashes are alike.

A hash is pHash (Zauner, 2010, as in OpenCV): the signs of 64 low frequencies of a frame. Encoding
and scaling change few of its bits, but cropping changes many. So some frames of each video are
hashed in several windows, and compared with the whole frames of the other video.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import cv2
import numpy as np

from motionfit.duplicates.grey import GreyFrames

PER_SECOND = 4
"""Whole frames of a video that are hashed per second."""
STEP = 4
"""Every so many of these frames is hashed in the windows, too."""
MOST = 128
"""Most frames of a video that are hashed."""
SIDE = 32
"""Height and width to which a window is resized before it is hashed."""
FLAT = 6.0
"""Standard deviation in grey levels up to which a frame says nothing, such as a black one."""
WINDOWS = (
    (0.0, 1.0, 0.0, 1.0),
    (0.05, 0.95, 0.05, 0.95),
    (0.1, 0.9, 0.1, 0.9),
    (0.15, 0.85, 0.15, 0.85),
    (0.0, 0.85, 0.0, 0.85),
    (0.0, 0.85, 0.15, 1.0),
    (0.15, 1.0, 0.0, 0.85),
    (0.15, 1.0, 0.15, 1.0),
    (0.0, 0.88, 0.0, 1.0),
    (0.12, 1.0, 0.0, 1.0),
    (0.0, 1.0, 0.0, 0.88),
    (0.0, 1.0, 0.12, 1.0),
)
"""Top, bottom, left and right of the windows, as shares of height and width."""
NEAR = 12
"""Most bits of 64 in which the hashes of two alike frames differ."""
ENOUGH = 0.5
"""Least share of the hashed frames of the shorter video that must be alike one of the other's."""
BLOCK = 2_000_000
"""Pairs of hashes that are compared at once, to limit memory."""


class VideoHashes(NamedTuple):
    """The hashes of a video. Flat frames are left out."""

    whole: np.ndarray
    """(N,) uint64: whole frames."""
    windows: np.ndarray
    """(M, W) uint64: the `WINDOWS` of some of these frames."""


def video_hashes(frames: GreyFrames) -> VideoHashes:
    """Hashes evenly spread frames of a video."""
    count = min(max(round(frames.seconds * PER_SECOND), 4), MOST)
    numbers = frames.spread(count)
    step = STEP if len(numbers) >= 4 * STEP else max(1, len(numbers) // 4)
    whole, windows = [], []
    for i, number in enumerate(numbers):
        image = frames.read(number)
        if image.std() < FLAT:
            continue
        whole.append(window_hash(image, WINDOWS[0]))
        if i % step == 0:
            windows.append([window_hash(image, window) for window in WINDOWS])
    of_windows = np.array(windows, np.uint64).reshape(-1, len(WINDOWS))
    return VideoHashes(np.array(whole, np.uint64), of_windows)


def window_hash(image: np.ndarray, window: tuple[float, float, float, float]) -> np.uint64:
    """The hash of a window of a grey frame (H, W)."""
    height, width = image.shape
    top, bottom, left, right = window
    part = image[
        round(top * height) : round(bottom * height), round(left * width) : round(right * width)
    ]
    small = cv2.resize(part, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return cv2.img_hash.pHash(small).view(np.uint64)[0, 0]


# ------------------------------------------------------------------------------------- comparison


def alike(
    videos: Sequence[VideoHashes], others: Sequence[VideoHashes], threads: int
) -> list[np.ndarray]:
    """For each of the videos, the sorted numbers of the others that are alike.

    Each direction counts: the windows of one video in the whole frames of the other. All pairs of
    frames are compared, in blocks of `BLOCK`.
    """
    by_windows, by_whole = Joined.windows(others), Joined.whole(others)

    def alike_one(video: VideoHashes) -> np.ndarray:
        found = np.zeros(len(others), bool)
        if len(video.whole) and len(video.windows):
            found |= matched(video.windows, by_whole) >= ENOUGH * len(video.windows)
            near = matched_by_others(video.whole, by_windows)
            found |= (by_windows.counts > 0) & (near >= ENOUGH * by_windows.counts)
        return np.flatnonzero(found)

    # NumPy releases Python's global interpreter lock.
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(alike_one, videos))


class Joined(NamedTuple):
    """The hashes of many videos, one after the other."""

    hashes: np.ndarray
    """(N,) or (N, W) uint64."""
    counts: np.ndarray
    """(V,) int: how many of the N are of each video."""

    @classmethod
    def whole(cls, videos: Sequence[VideoHashes]) -> "Joined":
        return cls._of([video.whole for video in videos], (0,))

    @classmethod
    def windows(cls, videos: Sequence[VideoHashes]) -> "Joined":
        return cls._of([video.windows for video in videos], (0, len(WINDOWS)))

    @classmethod
    def _of(cls, arrays: Sequence[np.ndarray], empty: tuple[int, ...]) -> "Joined":
        joined = np.concatenate([np.zeros(empty, np.uint64), *arrays])
        return cls(joined, np.array([len(array) for array in arrays], int))

    def blocks(self, rows: int) -> Iterator[tuple[slice, slice]]:
        """Slices of videos, and of their hashes, of at most `rows` hashes if possible."""
        ends = np.cumsum(self.counts)
        first = 0
        while first < len(self.counts):
            start = ends[first - 1] if first else 0
            last = max(int(np.searchsorted(ends, start + rows, side="right")), first + 1)
            yield slice(first, last), slice(start, ends[last - 1])
            first = last


def matched(windows: np.ndarray, others: Joined) -> np.ndarray:
    """(V,) for each other video, how many of the frames with hashes (M, W) are near one of its
    frames."""
    found = np.zeros(len(others.counts), int)
    for videos, rows in others.blocks(max(BLOCK // windows.size, 1)):
        near = distances(windows[:, :, None], others.hashes[rows]).min(1) <= NEAR  # (M, N)
        found[videos] = any_of_each(near, others.counts[videos]).sum(0)
    return found


def matched_by_others(whole: np.ndarray, others: Joined) -> np.ndarray:
    """(V,) how many frames of each other video, hashed in windows, are near one of the frames with
    hashes (N,)."""
    found = np.zeros(len(others.counts), int)
    for videos, rows in others.blocks(max(BLOCK // (len(WINDOWS) * len(whole)), 1)):
        near = distances(others.hashes[rows][..., None], whole).min((1, 2)) <= NEAR
        counts = others.counts[videos]
        found[videos] = np.bincount(np.repeat(np.arange(len(counts)), counts), near, len(counts))
    return found


def distances(hashes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The number of different bits of hashes that are broadcast against others, uint8."""
    return np.bitwise_count(hashes ^ others)


def any_of_each(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """(M, V) whether any of the columns (M, N) of each video is true."""
    sums = np.concatenate([np.zeros((len(values), 1), int), np.cumsum(values, axis=1)], axis=1)
    ends = np.cumsum(counts)
    return sums[:, ends] > sums[:, ends - counts]
