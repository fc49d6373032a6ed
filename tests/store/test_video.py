from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from motionfit.errors import MotionFitError
from motionfit.store.frames import collect_ledgers, store_frames
from motionfit.store.shards import Shards
from motionfit.store.video import UnreadableVideoError, decode
from tests.videos import encode_video, make_index, make_video, moving_square


def index_of(paths: list[Path]) -> pd.DataFrame:
    index = make_index({path.name: "" for path in paths})
    return index.assign(path=[str(path) for path in paths])


def test_frames_in_order_and_in_rgb(tmp_path):
    frames = np.stack(list(decode(make_video(tmp_path / "a.mp4"), None)))
    assert np.abs(frames.astype(int) - moving_square(12)).mean() < 4


def test_resized_to_height_and_width(tmp_path):
    frames = list(decode(make_video(tmp_path / "a.mp4"), (16, 40)))
    assert len(frames) == 12
    assert frames[0].shape == (16, 40, 3)


@pytest.mark.parametrize(("fps", "kept"), [(12, 12), (6, 6), (4, 4), (30, 12)])
def test_a_lower_rate_thins_and_a_higher_one_does_not(tmp_path, fps, kept):
    video = make_video(tmp_path / "a.mp4")  # 12 frames at 12 a second
    assert len(list(decode(video, None, fps))) == kept


def test_half_the_rate_keeps_every_second_frame(tmp_path):
    video = make_video(tmp_path / "a.mp4")
    whole, half = list(decode(video, None)), list(decode(video, None, 6))
    assert all(np.array_equal(a, b) for a, b in zip(whole[::2], half, strict=True))


def broken_files(folder: Path) -> dict[str, Path]:
    whole = make_video(folder / "whole.mp4").read_bytes()
    files = {
        "text": (folder / "text.mp4", b"this is no video\n" * 50),
        "empty": (folder / "empty.mp4", b""),
        "truncated": (folder / "truncated.mp4", whole[: len(whole) // 2]),
    }
    for path, content in files.values():
        path.write_bytes(content)
    return {name: path for name, (path, _) in files.items()}


def test_what_can_not_be_decoded_is_named_in_the_ledger_and_the_rest_is_kept(tmp_path):
    odd = make_video(tmp_path / "a folder" / "vidéo 'quoted' {1}, ü.mp4")
    one = make_video(tmp_path / "one.mp4", frames=1)
    broken = broken_files(tmp_path)
    index = index_of([odd, one, *broken.values()])
    output = tmp_path / "frames" / "0000.h5"
    store_frames(index, (16, 24), None, 90, output)
    assert list(Shards([output], "frames")) == [odd.name]
    ledger = pd.read_csv(tmp_path / "frames" / "0000.failed.csv")
    assert set(ledger["video"]) == {"one.mp4", "text.mp4", "empty.mp4", "truncated.mp4"}
    assert (ledger["frames_kept"] == 0).all()
    assert ledger["reason"].str.len().min() > 5


def test_what_decodes_of_a_damaged_video_is_kept_and_named(tmp_path):
    # AVI can be read from its beginning, without the index at its end; noise makes it long.
    noise = np.random.default_rng(0).integers(0, 256, (40, 32, 48, 3), dtype=np.uint8)
    encode_video(tmp_path / "whole.avi", noise)
    whole = (tmp_path / "whole.avi").read_bytes()
    video = tmp_path / "half.avi"
    video.write_bytes(whole[: len(whole) // 2])
    store_frames(index_of([video]), (16, 24), None, 90, tmp_path / "0000.h5")
    kept = Shards([tmp_path / "0000.h5"], "frames").length("half.avi")
    assert 5 < kept < 40
    ledger = pd.read_csv(tmp_path / "0000.failed.csv")
    assert ledger["frames_kept"].tolist() == [kept]
    assert "of its 40 frames" in ledger["reason"][0]


def test_too_many_lost_videos_stop_the_run_with_their_names(tmp_path):
    good, broken = make_video(tmp_path / "good.mp4"), broken_files(tmp_path)["text"]
    index = index_of([good, broken])
    store_frames(index, (16, 24), None, 90, tmp_path / "frames" / "0000.h5")
    output = tmp_path / "frames" / "failed.csv"
    with pytest.raises(MotionFitError, match=r"(?s)1 of the 2.*text\.mp4.*datasets\.mine\.max"):
        collect_ledgers("mine", index, tmp_path / "frames", 0.4, output)
    assert not output.exists()
    collect_ledgers("mine", index, tmp_path / "frames", 0.5, output)
    assert pd.read_csv(output)["video"].tolist() == ["text.mp4"]


def test_real_videos_of_the_papers_data_sets(shared_data, tmp_path):
    samples = sorted((shared_data / "real-samples").rglob("*.avi"))
    samples += sorted((shared_data / "real-samples").rglob("*.mp4"))
    # One of each data set, and the one whose metadata is not UTF-8.
    chosen = [samples[-4], next(p for p in samples if "Turnk_r" in p.name), samples[-1]]
    store_frames(index_of(chosen), (128, 171), None, 95, tmp_path / "0000.h5")
    assert pd.read_csv(tmp_path / "0000.failed.csv").empty
    shards = Shards([tmp_path / "0000.h5"], "frames")
    assert shards.length(chosen[1].name) == 83


def test_no_video_stream(tmp_path):
    with pytest.raises(UnreadableVideoError):
        list(decode(tmp_path / "missing.mp4", None))
