import numpy as np
import pandas as pd
import pytest

from motionfit.config import Demo
from motionfit.datasets.build import build_index
from motionfit.datasets.demo import MOTIONS, render_video, render_videos
from motionfit.flow import compute_flow
from motionfit.store.video import decode

RECIPE = Demo(
    format="demo", train=1, test=1, unlabelled=1, frames=6, camera=0, noise=2, clutter=0.2
)


def test_real_video_files_and_their_index(tmp_path):
    render_videos(RECIPE, tmp_path / "labels.csv")
    index = build_index(RECIPE, tmp_path)
    assert len(index) == 3 * len(MOTIONS) >= 24
    assert index.groupby("split1")["label"].nunique().tolist() == [len(MOTIONS)] * 3
    frames = list(decode(tmp_path / "train" / "left_0000.mp4", None))
    assert len(frames) == 6
    assert frames[0].shape == (48, 64, 3)


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    one = Demo(format="demo", train=1, frames=4)
    render_videos(one, tmp_path / "a" / "labels.csv")
    render_videos(one, tmp_path / "b" / "labels.csv")
    render_videos(one.model_copy(update={"seed": 1}), tmp_path / "c" / "labels.csv")
    name = "train/grow_0000.mp4"
    first = (tmp_path / "a" / name).read_bytes()
    assert first == (tmp_path / "b" / name).read_bytes()
    assert first != (tmp_path / "c" / name).read_bytes()
    files = [path.name for path in (tmp_path / "a").iterdir()]
    assert sorted(files) == ["labels.csv", "train"]
    assert pd.read_csv(tmp_path / "a" / "labels.csv")["split"].unique().tolist() == ["train"]


def motion_of(motion: str) -> dict[str, float]:
    """Mean displacement, rotation and divergence of the flow of a rendered video."""
    sums = np.zeros(4)
    for name in "abc":
        video = render_video(RECIPE, motion, name)
        grey = video.mean(axis=-1).astype(np.uint8)
        flow = compute_flow(grey).mean(axis=0)
        x, y = flow[..., 0], flow[..., 1]
        dy_x, dx_x = np.gradient(x)
        dy_y, dx_y = np.gradient(y)
        middle = np.s_[12:-12, 16:-16]
        sums += [v[middle].mean() for v in (x, y, dx_y - dy_x, dx_x + dy_y)]
    return dict(zip(("x", "y", "turn", "growth"), sums / 3, strict=True))


@pytest.mark.parametrize(
    ("motion", "what", "sign"),
    [
        ("left", "x", -1),
        ("right", "x", 1),
        ("up", "y", -1),
        ("down", "y", 1),
        ("clockwise", "turn", 1),
        ("anticlockwise", "turn", -1),
        ("grow", "growth", 1),
        ("shrink", "growth", -1),
    ],
)
def test_the_class_is_the_motion(motion, what, sign):
    # y points down, so a clockwise turn is positive.
    measured = motion_of(motion)[what]
    assert sign * measured > (0.1 if what in "xy" else 0.01)
