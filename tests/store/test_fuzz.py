"""Decoding any file gives frames or a reason, in bounded time and memory."""

import json
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.videos import encode_video, moving_square

BATCH = 100
"""Number of inputs per process."""
SECONDS = 120
"""Time limit of a batch in seconds. Most inputs take a hundredth of a second."""
MEMORY = 4 * 2**30
"""Address space of a batch's process in bytes."""

CLIPS = [
    ("libx264", "yuv420p", "mp4"),
    ("libx264", "yuv420p10le", "mkv"),
    ("libx264", "yuv420p", "ts"),
    ("libx264", "yuv420p", "264"),
    ("libx265", "yuv420p", "mp4"),
    ("libvpx-vp9", "yuv420p", "webm"),
    ("libvpx", "yuv420p", "webm"),
    ("libsvtav1", "yuv420p", "mp4"),
    ("mpeg4", "yuv420p", "avi"),
    ("mpeg2video", "yuv420p", "mpg"),
    ("mjpeg", "yuvj420p", "avi"),
    ("flv", "yuv420p", "flv"),
    ("wmv2", "yuv420p", "wmv"),
    ("ffv1", "yuv420p", "mkv"),
    ("prores_ks", "yuv422p10le", "mov"),
    ("gif", "rgb8", "gif"),
]


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> Path:
    """A folder with clips in many codecs and containers."""
    folder = tmp_path_factory.mktemp("fuzz") / "clips"
    folder.mkdir()
    frames = moving_square(16, 64, 96, 2)
    frames[:, 40:] = np.random.default_rng(0).integers(0, 256, (24, 96, 3))
    for codec, pixels, suffix in CLIPS:
        encode_video(folder / f"{codec}-{pixels}.{suffix}", frames, codec, pixels)
    return folder


def limited() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def fuzz(clips: Path, first: int, count: int) -> list[dict]:
    """The result of each input. Fails with the seed of an input that crashes, hangs or takes too
    much memory."""
    command = [sys.executable, "-m", "tests.store.fuzz", str(clips), str(first), str(count)]
    output = clips.parent / f"output{first}"
    with output.open("w") as file:
        try:
            process = subprocess.run(
                command,
                stdout=file,
                stderr=subprocess.PIPE,
                text=True,
                timeout=SECONDS,
                preexec_fn=limited,
                check=False,
            )
            end = f"exit status {process.returncode}: {process.stderr[-2000:]}"
        except subprocess.TimeoutExpired:
            end = f"not done in {SECONDS} s"
    lines = [json.loads(line) for line in output.read_text().splitlines()]
    results = [line for line in lines if "seed" in line]
    assert len(results) == count, f"after {lines[-1:]}: {end}"
    return results


def check(results: list[dict]) -> None:
    for result in results:
        assert result["frames"] or result["reason"], result
        assert result["s"] < SECONDS / 4, result
        assert result["peak_mb"] < 2000, result
    # Some inputs decode and some do not, so they are neither all intact nor all noise.
    assert sum(not result["reason"] for result in results) > len(results) / 20
    assert sum(not result["frames"] for result in results) > len(results) / 20


def test_damaged_files(clips):
    check(fuzz(clips, 0, BATCH))


@pytest.mark.long
def test_many_damaged_files(clips):
    check(
        [
            result
            for first in range(BATCH, 31 * BATCH, BATCH)
            for result in fuzz(clips, first, BATCH)
        ]
    )
