import multiprocessing
import time

import h5py
import numpy as np
import pytest

from motionfit.errors import MotionFitError
from motionfit.store.clips import ClipStore, clip_frames
from motionfit.store.shards import Shards, checksum, write_shard
from tests.videos import make_flow, make_frames, moving_square

RECIPE = {"size": [4, 4], "fps": None}


def test_frames_come_back_as_they_were_written(tmp_path):
    with write_shard(tmp_path / "0.h5", "frames", RECIPE) as shard:
        shard.add("a/b é.mp4", [b"one", b"", b"three"], "x", rate=12.0)
        shard.add("c", [b"four"], "y", rate=12.0)
    shards = Shards([tmp_path / "0.h5"], "frames")
    assert list(shards) == ["a/b é.mp4", "c"]
    assert shards.length("a/b é.mp4") == 3
    assert [f.tobytes() for f in shards.read("a/b é.mp4", 0, 3)] == [b"one", b"", b"three"]
    assert [f.tobytes() for f in shards.read("a/b é.mp4", 1, 2)] == [b"", b"three"]
    assert shards.source("c") == "y"
    assert shards.recipe == RECIPE


def fail_while_writing(path):
    with write_shard(path, "frames", RECIPE) as shard:
        shard.add("b", [b"x"], "b.mp4", rate=12.0)
        raise RuntimeError


def test_a_shard_that_is_not_finished_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError):
        fail_while_writing(tmp_path / "0.h5")
    assert list(tmp_path.iterdir()) == []


def test_a_shard_that_fails_leaves_the_one_before(tmp_path):
    path = tmp_path / "0.h5"
    with write_shard(path, "frames", RECIPE) as shard:
        shard.add("a", [b"x"], "a.mp4", rate=12.0)
    with pytest.raises(RuntimeError):
        fail_while_writing(path)
    assert list(Shards([path], "frames")) == ["a"]


def test_a_broken_shard_is_named(tmp_path):
    path = tmp_path / "0.h5"
    path.write_bytes(b"no HDF5")
    with pytest.raises(MotionFitError, match=r"0\.h5.*delete it"):
        Shards([path], "frames")


def test_shards_of_another_kind_or_recipe_are_refused(tmp_path):
    for name, kind, size in (("0", "frames", 4), ("1", "frames", 8), ("2", "flow", 4)):
        with write_shard(tmp_path / f"{name}.h5", kind, {"size": [size, size], "fps": None}):
            pass
    with pytest.raises(MotionFitError, match=r"2\.h5 contains flow, not frames"):
        Shards([tmp_path / "2.h5"], "frames")
    with pytest.raises(MotionFitError, match="do not belong together"):
        Shards([tmp_path / "0.h5", tmp_path / "1.h5"], "frames")


def test_no_more_files_are_open_than_a_system_allows(tmp_path, monkeypatch):
    monkeypatch.setattr("motionfit.store.shards.OPEN_AT_MOST", 2)
    for i in range(5):
        with write_shard(tmp_path / f"{i}.h5", "frames", RECIPE) as shard:
            shard.add(f"v{i}", [bytes([i])], "v.mp4", rate=12.0)
    shards = Shards([tmp_path / f"{i}.h5" for i in range(5)], "frames")
    for i in (0, 1, 2, 3, 4, 0):
        assert shards.read(f"v{i}", 0, 1)[0].tobytes() == bytes([i])
    assert len(shards._open) == 2


def test_a_missing_shard_is_not_blamed_on_its_content(tmp_path):
    with pytest.raises(MotionFitError, match="No such file") as error:
        Shards([tmp_path / "no.h5"], "frames")
    assert "delete it" not in str(error.value)


def test_a_clip_is_one_contiguous_array(tmp_path):
    with write_shard(tmp_path / "0.h5", "frames", RECIPE) as shard:
        shard.add("a", [bytes([i]) * (i + 1) for i in range(5)], "a.mp4", rate=12.0)
    with h5py.File(tmp_path / "0.h5") as file:
        assert file["data/000000"].shape == (15,)
        assert file["offsets/000000"][:].tolist() == [0, 1, 3, 6, 10, 15]


def read_in_a_worker(store, queue):
    queue.put(store.read("a", 2, 3).sum())


def test_a_store_works_on_both_sides_of_a_fork(tmp_path):
    make_frames(tmp_path / "0000.h5", {"a": moving_square(8)})
    store = ClipStore(tmp_path, ["0000"], "frames")
    expected = store.read("a", 2, 3).sum()
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    workers = [context.Process(target=read_in_a_worker, args=(store, queue)) for _ in range(2)]
    for worker in workers:
        worker.start()
    assert [queue.get(timeout=30) for _ in workers] == [expected] * 2
    for worker in workers:
        worker.join()
    assert store.read("a", 2, 3).sum() == expected


def test_clips_of_frames_and_of_flow(tmp_path):
    video = moving_square(8)
    make_frames(tmp_path / "0000.h5", {"a": video})
    clip = ClipStore(tmp_path, ["0000"], "frames").read("a", 3, 4)
    assert clip.shape == (4, 32, 48, 3)
    assert np.abs(clip.astype(int) - video[3:7]).mean() < 3  # JPEG

    field = np.zeros((8, 32, 48, 2), np.float32)
    field[..., 0], field[..., 1] = 5, -10
    make_flow(tmp_path / "flow" / "0000.h5", {"a": field})
    clip = ClipStore(tmp_path / "flow", ["0000"], "flow").read("a", 0, 2)
    assert clip.shape == (2, 32, 48, 2)
    assert np.abs(clip[..., 0].astype(int) - 160).max() <= 1  # 128 + round(127 * 5 / 20)
    assert np.abs(clip[..., 1].astype(int) - 64).max() <= 1  # 128 - round(127 * 10 / 20)


def test_past_its_end_a_video_begins_again_in_frames_and_flow_alike(tmp_path):
    make_frames(tmp_path / "frames" / "0000.h5", {"a": moving_square(5)})
    speeds = np.arange(5, dtype=np.float32)[:, None, None, None]
    make_flow(tmp_path / "flow" / "0000.h5", {"a": np.broadcast_to(speeds, (5, 32, 48, 2))})
    for kind in ("frames", "flow"):
        store = ClipStore(tmp_path / kind, ["0000"], kind)
        single = [store.read("a", t, 1)[0] for t in range(5)]
        for start, numbers in ((3, [3, 4, 0, 1]), (0, [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1])):
            assert clip_frames(start, len(numbers), 5) == numbers
            clip = store.read("a", start, len(numbers))
            assert np.array_equal(clip, np.stack([single[t] for t in numbers]))


def test_the_frame_rate_of_a_video_and_the_usual_one(tmp_path):
    with write_shard(tmp_path / "0000.h5", "frames", RECIPE) as shard:
        for video, rate in (("a", 25.0), ("b", 30.0), ("c", 29.97)):
            shard.add(video, [b"x"], video, rate)
    store = ClipStore(tmp_path, ["0000"], "frames")
    assert store.shards.rate("a") == 25
    assert store.rate == 29.97


@pytest.mark.parametrize("rate", [0.0, float("nan"), float("inf"), -1.0])
def test_a_shard_of_no_frame_rate_is_refused(tmp_path, rate):
    with write_shard(tmp_path / "0000.h5", "frames", RECIPE) as shard:
        shard.add("a", [b"x"], "a", rate)
    with pytest.raises(MotionFitError, match="without a frame rate"):
        Shards([tmp_path / "0000.h5"], "frames")


def small_shard(path):
    """Two videos with ten different frames each."""
    with write_shard(path, "frames", RECIPE) as shard:
        for video in ("a", "b"):
            shard.add(video, [bytes([t]) * 40 for t in range(10)], f"{video}.mp4", rate=12.0)
    return everything(path)


def everything(path):
    shards = Shards([path], "frames")
    return shards.recipe, {
        video: (shards.source(video), [frame.tobytes() for frame in shards.read(video, 0, 10)])
        for video in shards
    }


def read_flipped(path, written, places, queue):
    """Flips a bit at each place and reads the file. Returns the places where the content differs,
    and the messages."""
    content = path.read_bytes()
    unnoticed, messages = [], []
    for place in places:
        flipped = content[place] ^ 1 << place % 8
        path.write_bytes(content[:place] + bytes([flipped]) + content[place + 1 :])
        try:
            if everything(path) != written:
                unnoticed.append(place)
        except MotionFitError as error:
            messages.append(str(error))
    queue.put((unnoticed, messages))


@pytest.mark.parametrize("step", [23, pytest.param(1, marks=pytest.mark.long)])
def test_a_flipped_bit_is_found_wherever_it_is(tmp_path, step):
    """Runs in its own process, since a library may hang or crash on such a file."""
    path = tmp_path / "0.h5"
    written = small_shard(path)
    places = range(0, path.stat().st_size, step)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    reader = context.Process(target=read_flipped, args=(path, written, places, queue))
    reader.start()
    try:
        unnoticed, messages = queue.get(timeout=300)
    finally:
        reader.kill()
    assert not unnoticed
    assert len(messages) > len(places) / 4  # the other bytes are not used by a reader
    assert all(f"{path} is damaged" in m and "delete it and run again" in m for m in messages)


def test_a_shard_holds_no_date(tmp_path):
    small_shard(tmp_path / "0.h5")
    time.sleep(1.1)  # HDF5 counts in seconds
    small_shard(tmp_path / "1.h5")
    assert (tmp_path / "0.h5").read_bytes() == (tmp_path / "1.h5").read_bytes()


def test_a_truncated_shard_is_named(tmp_path):
    path = tmp_path / "0.h5"
    small_shard(path)
    content = path.read_bytes()
    for length in (0, 1, 100, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(MotionFitError, match=r"0\.h5 is damaged.*delete it"):
            Shards([path], "frames")


def test_the_frames_of_a_damaged_video_do_not_hide_the_others(tmp_path):
    path = tmp_path / "0.h5"
    small_shard(path)
    with h5py.File(path, "r+") as file:
        file["data/000001"][45] ^= 1
    shards = Shards([path], "frames")
    assert len(shards.read("a", 0, 10)) == 10
    assert len(shards.read("b", 2, 8)) == 8
    with pytest.raises(MotionFitError, match="checksum of frame 1 of b does not match"):
        shards.read("b", 0, 2)


def nothing(file, tmp_path):
    del file["videos"]
    space = h5py.h5s.create_simple((10**12,))
    h5py.h5d.create(file.id, b"videos", h5py.h5t.NATIVE_UINT8, space)


def recipe(file, tmp_path):
    file.attrs["recipe"] = np.bytes_(b"{}")
    arrays = [file[name][:] for name in ("videos", "sources", "lengths")]
    file.attrs["checksum"] = checksum(file.attrs["kind"], file.attrs["recipe"], *arrays)


def outside(file, tmp_path):
    (tmp_path / "secret").write_bytes(bytes(400))
    del file["data/000000"]
    file.create_dataset(
        "data/000000", (400,), np.uint8, external=[(str(tmp_path / "secret"), 0, 400)]
    )


def elsewhere(file, tmp_path):
    del file["data/000000"]
    file["data/000000"] = h5py.ExternalLink("other.h5", "data/000000")


def bomb(file, tmp_path):
    del file["data/000000"]
    file.create_dataset("data/000000", (400,), np.uint8, compression="gzip")


def offsets(file, tmp_path):
    file["offsets/000000"][3] = 1


def lengths(file, tmp_path):
    file["lengths"][0] = 11


@pytest.mark.parametrize("change", [outside, elsewhere, bomb, nothing, offsets, lengths, recipe])
def test_a_shard_from_elsewhere_is_checked_before_it_is_read(tmp_path, change):
    path = tmp_path / "0.h5"
    small_shard(path)
    with h5py.File(path, "r+") as file:
        change(file, tmp_path)
    with pytest.raises(MotionFitError, match=r"0\.h5 is damaged"):
        everything(path)


def test_a_file_of_another_program_is_no_shard(tmp_path):
    with h5py.File(tmp_path / "0.h5", "w") as file:
        file["x"] = 1
    with pytest.raises(MotionFitError, match=r"0\.h5 is damaged \(it is not a complete"):
        Shards([tmp_path / "0.h5"], "frames")


def test_two_shards_with_one_video_are_refused(tmp_path):
    for name in ("0", "1"):
        small_shard(tmp_path / f"{name}.h5")
    with pytest.raises(MotionFitError, match="both contain a"):
        Shards([tmp_path / "0.h5", tmp_path / "1.h5"], "frames")
