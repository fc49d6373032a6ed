"""The search on real clips and copies of them, as `benchmarks/duplicates.py` measures it."""

import importlib.util
from pathlib import Path

import pandas as pd
import pytest

from motionfit.store.frames import store_frames
from motionfit.store.shards import Shards

ROOT = Path(__file__).resolve().parents[2]
spec = importlib.util.spec_from_file_location("duplicates", ROOT / "benchmarks" / "duplicates.py")
benchmark = importlib.util.module_from_spec(spec)
spec.loader.exec_module(benchmark)

SCENES = 5
"""Scenes of EgoGestAR whose clips are used; each has up to 11."""


@pytest.mark.long
def test_copies_of_real_clips_are_found_and_other_clips_are_not(shared_data, tmp_path):
    clips = benchmark.clips_in([shared_data / "egogestar" / "videos", shared_data / "real-samples"])
    is_scene = clips["group"].str.isdecimal()
    clips = clips[~is_scene | clips["group"].isin([str(n) for n in range(1, SCENES + 1)])]
    clips = clips.reset_index(drop=True)
    copies = benchmark.copies_of(clips, 1, tmp_path)
    store_frames(pd.concat([clips, copies]), (128, 171), None, 95, tmp_path / "0000.h5")
    pairs = benchmark.measure(clips, copies, Shards([tmp_path / "0000.h5"], "frames"))
    of_copies = pairs[pairs["same_video"]]
    assert set(of_copies["change"]) == set(benchmark.CHANGES)
    assert of_copies["found"].mean() >= 0.95
    different = pairs[~pairs["same_video"]]
    assert different["same_group"].sum() > 300
    assert different["found"].mean() <= 1 / 1000
