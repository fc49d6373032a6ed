"""The demo data set: rendered videos whose class is their motion.

A patch of digits moves over a background of digits, with a shaking camera and pixel noise. The
motion is the class. Digits, colours, positions, sizes and speeds are drawn at random, so that no
single frame reveals the class.
"""

from functools import cache
from pathlib import Path

import av
import cv2
import numpy as np
import pandas as pd
from sklearn.datasets import load_digits

from motionfit.config import Demo, Folders
from motionfit.datasets.folders import index_folders
from motionfit.datasets.index import stable_hash
from motionfit.files import replacing

MOTIONS = ("left", "right", "up", "down", "clockwise", "anticlockwise", "grow", "shrink")
FPS = 12


def render_videos(recipe: Demo, labels: Path) -> None:
    """Writes the videos of the data set beside `labels` and, last, `labels`, their labels.csv."""
    videos = demo_videos(recipe)
    for name, motion in videos[["path", "label"]].itertuples(index=False):
        write_video(labels.parent / name, render_video(recipe, motion, name))
    with replacing(labels) as temporary:
        videos.to_csv(temporary, index=False)


def demo_videos(recipe: Demo) -> pd.DataFrame:
    """The content of `labels.csv`: one row per video with path, label (its motion) and split."""
    counts = {"train": recipe.train, "test": recipe.test, "": recipe.unlabelled}
    rows = [
        (f"{part or 'unlabelled'}/{motion}_{i:04d}.mp4", motion, part)
        for motion in MOTIONS
        for part, count in counts.items()
        for i in range(count)
    ]
    return pd.DataFrame(rows, columns=["path", "label", "split"])


def index_demo(recipe: Demo, videos: Path) -> pd.DataFrame:
    """The index of a rendered data set. Videos that are in no split keep their labels, with which
    the report measures the quality of the pseudo-labels."""
    return index_folders(
        Folders(format="folders", videos=videos, labels=videos / "labels.csv", shards=recipe.shards)
    )


def render_video(recipe: Demo, motion: str, name: str) -> np.ndarray:
    """Renders a video (T, H, W, 3) uint8, which depends on the recipe, motion and name only."""
    rng = np.random.default_rng([recipe.seed, stable_hash(name)])
    size = (recipe.height, recipe.width)
    background = texture(rng, (2 * recipe.height, 2 * recipe.width))
    background = background.mean() + recipe.clutter * (background - background.mean())
    side = int(rng.uniform(0.5, 0.8) * recipe.height)
    patch = texture(rng, (side, side))
    speed = rng.uniform(*recipe.speed)
    middle = np.array([recipe.width, recipe.height]) / 2 + rng.normal(0, recipe.height / 12, 2)
    angle = rng.uniform(0, 360)
    camera = np.cumsum(rng.normal(0, recipe.camera, (recipe.frames, 2)), axis=0)
    frames = []
    for t in range(recipe.frames):
        step = speed * (t - recipe.frames / 2)
        transform = patch_transform(motion, step, side, middle, angle) + pad(camera[t])
        frame = place(background, shift(np.array([-size[1], -size[0]]) / 2 + camera[t]), size)
        visible = place(np.full((side, side), 255, np.uint8), transform, size)[..., None] / 255
        frame = frame * (1 - visible) + place(patch, transform, size) * visible
        frame += rng.normal(0, recipe.noise, frame.shape)
        frames.append(np.clip(frame, 0, 255).astype(np.uint8))
    return np.stack(frames)


def patch_transform(
    motion: str, step: float, side: int, middle: np.ndarray, angle: float
) -> np.ndarray:
    """The affine map (2, 3) from patch to frame coordinates after `step` pixels of motion. For
    rotation and scaling, these are the pixels that the edge of the patch moves."""
    move = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}.get(motion, (0, 0))
    turn = {"clockwise": -1, "anticlockwise": 1}.get(motion, 0) * step / (side / 2)
    scale = np.exp({"grow": 1, "shrink": -1}.get(motion, 0) * step / (side / 2))
    transform = cv2.getRotationMatrix2D((side / 2, side / 2), angle + np.degrees(turn), scale)
    return transform + pad(middle - side / 2 + np.array(move) * step)


def texture(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """A texture (H, W, 3) float: smoothed digits on a grid, coloured between two random colours."""
    digits = digit_images()
    rows, columns = size[0] // 8 + 1, size[1] // 8 + 1
    chosen = digits[rng.integers(len(digits), size=(rows, columns))]
    grey = chosen.transpose(0, 2, 1, 3).reshape(rows * 8, columns * 8)[: size[0], : size[1]] / 16
    grey = cv2.GaussianBlur(grey, (0, 0), rng.uniform(0.6, 1.2))[..., None]
    dark, light = rng.uniform(0, 120, 3), rng.uniform(130, 255, 3)
    return dark + (light - dark) * grey


@cache
def digit_images() -> np.ndarray:
    """The handwritten digits of scikit-learn, (1797, 8, 8) float from 0 to 16."""
    return load_digits().images


def place(image: np.ndarray, transform: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return cv2.warpAffine(image, transform, size[::-1], flags=cv2.INTER_LINEAR)


def shift(by: np.ndarray) -> np.ndarray:
    return np.eye(2, 3) + pad(by)


def pad(by: np.ndarray) -> np.ndarray:
    return np.array([[0, 0, by[0]], [0, 0, by[1]]])


def write_video(path: Path, frames: np.ndarray) -> None:
    """Writes frames (T, H, W, 3) uint8 RGB to an H.264 file."""
    with replacing(path) as temporary, av.open(str(temporary), "w", format="mp4") as container:
        # One thread, so that the file has the same bytes on every machine.
        stream = container.add_stream("libx264", rate=FPS, options={"crf": "16", "threads": "1"})
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
            # Converted here, since the result was not always the same when the stream converts.
            container.mux(stream.encode(picture.reformat(format="yuv420p")))
        container.mux(stream.encode())
