import json
import os
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from motionfit.datasets.listing import SAMPLED, Seen, read_seen, seen_path, state

LATER = 2 * 10**18
"""A date in nanoseconds that no file of a test has by itself."""


@pytest.fixture
def video(tmp_path) -> Path:
    """A file that is longer than the samples that are read of it."""
    path = tmp_path / "v.mp4"
    path.write_bytes(np.random.default_rng(0).bytes(5 * SAMPLED))
    return path


def redate(path: Path) -> None:
    os.utime(path, ns=(LATER, LATER))


def test_a_video_by_another_date_is_known_again(video):
    videos = [("v", str(video))]
    before, known = state(videos), {"v": Seen.now(str(video))}
    redate(video)
    assert state(videos) != before
    assert state(videos, known) == before
    assert state([("v", str(video.rename(video.with_name("w.mp4"))))], known) == before


@pytest.mark.parametrize("place", [0, 5 * SAMPLED // 2, 5 * SAMPLED - 1])
def test_a_video_that_was_replaced_by_one_of_the_same_size_is_another(video, place):
    videos, known = [("v", str(video))], {"v": Seen.now(str(video))}
    before, data = state(videos), bytearray(video.read_bytes())
    data[place] ^= 1
    video.write_bytes(data)
    redate(video)
    assert state(videos, known) != before


def test_a_video_of_another_size_or_that_is_gone_is_another(video):
    videos, known = [("v", str(video))], {"v": Seen.now(str(video))}
    before = state(videos)
    video.write_bytes(video.read_bytes() + b"more")
    assert state(videos, known) != before
    video.unlink()
    assert state(videos, known) != before


def test_what_is_known_of_videos_is_read_back(video, tmp_path):
    shard = tmp_path / "0000.h5"
    assert read_seen(shard) == {}
    seen = Seen.now(str(video))
    seen_path(shard).write_text(json.dumps({"v": asdict(seen)}))
    assert read_seen(shard) == {"v": seen}
    for text in ("", "[]", '{"v": 1}', '{"v": {"size": 1}}'):
        seen_path(shard).write_text(text)
        assert read_seen(shard) == {}
