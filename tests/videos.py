"""Makes small videos, shards and indexes for the tests."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pandas as pd

from motionfit.datasets.demo import write_video
from motionfit.flow.encoding import quantise
from motionfit.modality import Modality
from motionfit.models import Learned, SavedModel
from motionfit.store.images import encode_jpeg
from motionfit.store.shards import write_shard


def moving_square(frames: int, height: int = 32, width: int = 48, step: int = 1) -> np.ndarray:
    """(T, H, W, 3) uint8: a bright square that moves to the right by `step` pixels per frame."""
    video = np.full((frames, height, width, 3), 40, np.uint8)
    for t in range(frames):
        video[t, 10:22, 4 + step * t : 16 + step * t] = (220, 180, 140)
    return video


def make_video(path: Path, frames: int = 12, **options) -> Path:
    write_video(path, moving_square(frames, **options))
    return path


def encode_video(
    path: Path,
    frames: np.ndarray,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    times: list[float] | None = None,
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
) -> Path:
    """Encodes RGB frames (T, H, W, 3) uint8 with any codec and container, at 12 frames per second
    or at `times` in seconds."""
    with av.open(str(path), "w", container_options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=12, options={"threads": "1", **(options or {})})
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = pixels
        for t, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
            if times:
                stream.codec_context.time_base = picture.time_base = Fraction(1, 1000)
                picture.pts = round(1000 * times[t])
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path


def make_frames(
    path: Path, videos: dict[str, np.ndarray], fps: float | None = None, rate: float = 12.0
) -> None:
    """Writes a shard of frames from videos (T, H, W, 3)."""
    size = list(next(iter(videos.values())).shape[1:3])
    with write_shard(path, "frames", {"size": size, "fps": fps, "quality": 95}) as shard:
        for name, video in videos.items():
            shard.add(name, [encode_jpeg(frame, 95) for frame in video], name, rate)


def make_flow(
    path: Path, videos: dict[str, np.ndarray], bound: float = 20, rate: float = 12.0
) -> None:
    """Writes a shard of flow from fields (T, H, W, 2) in pixels."""
    size = list(next(iter(videos.values())).shape[1:3])
    recipe = {"size": size, "fps": None, "bound": bound, "quality": 95}
    with write_shard(path, "flow", recipe) as shard:
        for name, field in videos.items():
            stored = quantise(field, bound)
            images = [np.concatenate([f[..., 0], f[..., 1]]) for f in stored]
            shard.add(name, [encode_jpeg(image, 95) for image in images], name, rate)


def described(
    modality: Modality | str, classes: list[str], clip_length: int, frame_size: list[int], crop: int
) -> SavedModel:
    """The description that is saved with a small network that learned labels."""
    return SavedModel(
        backbone="r2plus1d_small",
        modality=Modality(modality),
        classes=classes,
        clip_length=clip_length,
        frame_size=frame_size,
        crop=crop,
        quality=95,
        rate=12.0,
        learned=Learned.LABELS,
        split=1,
        recipe="{}",
    )


def make_index(labels: dict[str, str], test: set[str] = frozenset()) -> pd.DataFrame:
    """An index of one shard, '0000'; each video is its own group."""
    return pd.DataFrame(
        {
            "video": list(labels),
            "path": list(labels),
            "label": list(labels.values()),
            "group": list(labels),
            "shard": "0000",
            "split1": ["test" if video in test else "train" for video in labels],
        }
    )
