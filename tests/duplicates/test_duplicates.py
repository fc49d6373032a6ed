import json
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from motionfit.datasets.index import write_index
from motionfit.duplicates import GreyFrames, hashes_of, near_duplicates
from motionfit.duplicates.hashes import NEAR, WINDOWS, video_hashes, window_hash
from motionfit.errors import MotionFitError
from motionfit.stages.duplicates import duplicates
from motionfit.store.shards import Shards
from tests.videos import make_frames, make_index

HEIGHT, WIDTH, FRAMES = 64, 84, 36


def scene(seed: int) -> np.ndarray:
    """A background with large shapes, (H, W, 3) uint8."""
    coarse = np.random.default_rng(seed).integers(30, 220, (6, 8, 3), dtype=np.uint8)
    return cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)


def clip(background: int, motion: int) -> np.ndarray:
    """A disc that moves along a smooth path in front of a background, (T, H, W, 3) uint8."""
    points = np.random.default_rng(100 + motion).uniform(0.2, 0.8, (5, 2))
    times = np.linspace(0, 4, FRAMES)
    path = np.stack([np.interp(times, range(5), points[:, i]) for i in range(2)], axis=1)
    frames = []
    for x, y in path:
        frame = scene(background)
        cv2.circle(frame, (round(x * WIDTH), round(y * HEIGHT)), 12, (250, 240, 30), -1)
        frames.append(frame)
    return np.stack(frames)


def resized(frames: np.ndarray) -> np.ndarray:
    return np.stack([cv2.resize(f, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA) for f in frames])


def coarse(frames: np.ndarray) -> np.ndarray:
    """As a codec of low quality leaves the frames."""
    return np.stack([cv2.GaussianBlur(frame // 12 * 12, (5, 5), 0) for frame in frames])


ORIGINAL = clip(0, 0)
VIDEOS = {
    "original": ORIGINAL,
    "same": ORIGINAL,
    "coarse": coarse(ORIGINAL),
    "cropped": resized(ORIGINAL[:, 6:-6, 8:-8]),
    "cropped at one side": resized(ORIGINAL[:, :, 10:]),
    "trimmed": ORIGINAL[6:],
    "cut short": ORIGINAL[:-6],
    "all": coarse(resized(ORIGINAL[5:, 3:-5, 6:-4])),
    "same scene": clip(0, 1),
    "same motion": clip(1, 0),
    "still": np.stack([scene(0)] * FRAMES),
    "black": np.zeros_like(ORIGINAL),
}


@pytest.fixture
def shards(tmp_path) -> Shards:
    make_frames(tmp_path / "0000.h5", VIDEOS)
    return Shards([tmp_path / "0000.h5"], "frames")


def test_copies_are_found_and_other_clips_of_the_scene_are_not(shards):
    videos = [GreyFrames(shards, name) for name in VIDEOS]
    hashes = hashes_of(videos, threads=1)
    found = near_duplicates(
        videos[:1], hashes[:1], videos, hashes, lambda _, others: others > 0, threads=1
    )
    by_name = {videos[pair.other].video: pair for pair in found}
    copies = ["same", "coarse", "cropped", "cropped at one side", "trimmed", "cut short", "all"]
    assert list(by_name) == copies
    assert by_name["same"].similarity == pytest.approx(1, abs=1e-4)
    # The rate of the videos is 12 frames per second.
    assert by_name["trimmed"].shift == pytest.approx(6 / 12, abs=0.1)
    assert by_name["cut short"].shift == pytest.approx(0, abs=0.05)


def test_the_search_is_the_same_in_the_other_direction(shards):
    videos = [GreyFrames(shards, name) for name in VIDEOS]
    hashes = hashes_of(videos, threads=1)
    found = near_duplicates(
        videos, hashes, videos[:1], hashes[:1], lambda i, others: others != i, threads=1
    )
    assert [videos[pair.video].video for pair in found] == list(VIDEOS)[1:8]
    assert found[4].shift == pytest.approx(-6 / 12, abs=0.1)


def test_pairs_that_are_not_chosen_are_not_compared(shards):
    videos = [GreyFrames(shards, name) for name in VIDEOS]
    hashes = hashes_of(videos, threads=1)
    chosen = lambda _, others: others == 1  # noqa: E731
    [pair] = near_duplicates(videos[:1], hashes[:1], videos, hashes, chosen, threads=1)
    assert pair.other == 1


def test_videos_at_different_rates_are_compared_by_their_times(tmp_path):
    make_frames(tmp_path / "0000.h5", {"fast": ORIGINAL}, rate=12.0)
    make_frames(tmp_path / "0001.h5", {"slow": ORIGINAL[::2]}, rate=6.0)
    shards = Shards([tmp_path / "0000.h5", tmp_path / "0001.h5"], "frames")
    videos = [GreyFrames(shards, name) for name in ("fast", "slow")]
    hashes = hashes_of(videos, threads=1)
    chosen = lambda i, others: others > i  # noqa: E731
    assert near_duplicates(videos, hashes, videos, hashes, chosen, threads=1)


def test_frames_without_content_have_no_hash(shards):
    assert len(video_hashes(GreyFrames(shards, "black")).whole) == 0
    hashes = video_hashes(GreyFrames(shards, "original"))
    assert len(hashes.whole) == 12  # 3 seconds, 4 per second
    assert hashes.windows.shape == (4, len(WINDOWS))


def test_a_hash_does_not_depend_on_the_size_of_the_frame():
    image = cv2.cvtColor(scene(3), cv2.COLOR_RGB2GRAY)
    for size in ((42, 32), (171, 128), (340, 256)):
        other = window_hash(cv2.resize(image, size), WINDOWS[0])
        assert np.bitwise_count(window_hash(image, WINDOWS[0]) ^ other) <= NEAR // 2


# -------------------------------------------------------------------------------------- the stage


def stored(folder: Path, videos: dict[str, np.ndarray], test: set[str]) -> Path:
    """Stores a data set in a folder and returns its index."""
    make_frames(folder / "0000.h5", videos)
    # The index has a video that could not be decoded.
    labels = dict.fromkeys([*videos, "lost"], "class")
    write_index(make_index(labels, test), folder / "index.csv")
    return folder / "index.csv"


def test_the_stage_lists_pairs_of_test_videos(tmp_path):
    target = {name: VIDEOS[name] for name in ("original", "cropped", "same scene")}
    index = stored(tmp_path / "target", target, test={"original", "same scene"})
    source = {"copy": VIDEOS["trimmed"], "else": VIDEOS["same motion"]}
    source_index = stored(tmp_path / "source", source, test=set())
    own, of_source = tmp_path / "own.csv", tmp_path / "source.csv"
    common = {"index": index, "frames": index.parent, "splits": [1], "threads": 1}
    duplicates(**common, output=own)
    source_files = {"source_index": source_index, "source_frames": source_index.parent}
    duplicates(**common, **source_files, output=of_source)
    for output, other in ((own, "cropped"), (of_source, "copy")):
        [pair] = pd.read_csv(output).itertuples(index=False)
        assert (pair.video, pair.other, pair.splits) == ("original", other, 1)
        assert pair.similarity > 0.9
    assert json.loads(own.with_suffix(".json").read_text()) == {
        "videos": 2,
        "others": 1,
        "pairs": 2,
    }
    assert json.loads(of_source.with_suffix(".json").read_text())["pairs"] == 4


def test_splits_in_which_both_are_on_one_side_do_not_count(tmp_path):
    videos = {"original": VIDEOS["original"], "copy": VIDEOS["same"]}
    index = stored(tmp_path, videos, test=set())
    table = pd.read_csv(index, dtype=str).query("video != 'lost'")
    table["split1"], table["split2"] = ["test", "train"], ["train", "test"]
    table["split3"] = "test"
    table.loc[len(table)] = {**table.iloc[0], "video": "other", "split3": "train"}
    write_index(table, index)
    output = tmp_path / "pairs.csv"
    duplicates(index=index, frames=tmp_path, splits=[1, 2, 3], threads=1, output=output)
    pairs = pd.read_csv(output)
    assert pairs[["video", "other", "splits"]].to_numpy().tolist() == [
        ["original", "copy", 1],
        ["copy", "original", 2],
    ]


def test_sources_without_frames_are_refused(tmp_path):
    index = stored(tmp_path, {"a": ORIGINAL, "b": ORIGINAL}, test={"a"})
    with pytest.raises(MotionFitError, match="needed together"):
        duplicates(
            index=index, frames=tmp_path, splits=[1], source_index=index, output=tmp_path / "d.csv"
        )
