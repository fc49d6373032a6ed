"""The batches of an epoch contain every sample once, however they are divided."""

from math import ceil

import pytest
import torch

from motionfit.clips.encoding import EncodedClips
from motionfit.clips.loading import UnreadableVideo
from motionfit.clips.sampling import whole_video
from motionfit.config import Training
from motionfit.modality import CHANNELS
from motionfit.store.clips import ClipStore
from motionfit.training.batches import Batches
from motionfit.training.data import Batch, Draw, MultiClipDataset
from tests.training.setups import make_store
from tests.videos import make_frames, moving_square


@pytest.fixture
def dataset(tmp_path):
    store = ClipStore(make_store(tmp_path, 13), ["0000"], "flow")
    videos = [whole_video(name, 8, 0) for name in sorted(store.shards)]
    return MultiClipDataset(store, videos, 4, Training(clips_per_video=2, crop=24), training=True)


def parts_of(batches: Batches, first: int = 0) -> list[list[Draw]]:
    batches.set_epoch(3, first)
    parts = list(batches)
    assert len(parts) == len(batches)
    return parts


@pytest.mark.parametrize("seed", [None, 7])
@pytest.mark.parametrize("accumulate", [1, 2, 3, 5])
@pytest.mark.parametrize("world", [1, 2, 3])
def test_processes_share_each_batch_and_see_each_sample_once(dataset, world, accumulate, seed):
    alone = parts_of(Batches(dataset, 5, 1, seed))
    assert [len(batch) for batch in alone] == [5, 5, 3]
    shares = [Batches(dataset, 5, accumulate, seed, rank, world) for rank in range(world)]
    parts = [parts_of(share) for share in shares]
    assert len({len(of_one) for of_one in parts}) == 1  # all take as many steps
    seen = [draw for of_one in parts for part in of_one for draw in part]
    assert sorted(seen) == sorted(draw for batch in alone for draw in batch)
    # A batch has the same samples, however it is divided.
    start = 0
    for step, batch in enumerate(alone):
        end = start + shares[0].parts_in(step)
        dealt = [draw for of_one in parts for part in of_one[start:end] for draw in part]
        assert sorted(dealt) == sorted(batch)
        sizes = [len(part) for of_one in parts for part in of_one[start:end]]
        assert max(sizes) <= ceil(ceil(5 / accumulate) / world)
        start = end


def test_an_epoch_that_was_interrupted_goes_on_with_the_batch_that_came_next(dataset):
    batches = Batches(dataset, 5, 2, seed=1)
    whole = parts_of(batches)
    assert parts_of(batches, first=1) == whole[batches.parts_in(0) :]


def test_each_epoch_has_an_order_of_its_own(dataset):
    batches = Batches(dataset, 13, seed=1)
    orders = []
    for epoch in (1, 2, 1):
        batches.set_epoch(epoch)
        orders.append([draw.video for draw in next(iter(batches))])
    assert orders[0] == orders[2] != orders[1]


def tensors(batch: Batch) -> dict[str, torch.Tensor]:
    """Everything in a batch but the teacher's clips."""
    values = batch.clips._asdict() | batch._asdict()
    return {name: value for name, value in values.items() if isinstance(value, torch.Tensor)}


def test_a_batch_leaves_out_the_videos_that_can_not_be_read(dataset):
    collate = dataset.collate
    samples = [dataset[Draw(0)], UnreadableVideo("v01", "spoilt"), dataset[Draw(2)]]
    batch, unreadable = collate(samples)
    assert batch.clips.pixels.shape == (2, 2, 4, 24, 24, 2)
    assert torch.equal(batch.clips.pixels[1], samples[2].clips.pixels)
    assert [video.video for video in unreadable] == ["v01"]
    empty, unreadable = collate([])
    assert unreadable == []
    assert tensors(empty).keys() == tensors(batch).keys()
    for name, tensor in tensors(empty).items():
        assert tensor.shape == (0, *tensors(batch)[name].shape[1:])
        assert tensor.dtype == tensors(batch)[name].dtype


@pytest.mark.parametrize("kind", ["frames", "flow"])
@pytest.mark.parametrize("training", [True, False])
def test_clips_that_are_decoded_on_the_device_are_the_same(tmp_path, kind, training):
    if kind == "flow":
        make_store(tmp_path, 3)
    else:
        make_frames(tmp_path / "0000.h5", {f"v{i:02d}": moving_square(6) for i in range(3)})
    store = ClipStore(tmp_path, ["0000"], kind)
    videos = [whole_video(f"v{i:02d}", store.length("v00"), i) for i in range(3)]
    draws = [Draw(i, epoch=4) for i in range(3)]
    recipe = Training(clips_per_video=2, crop=20)
    plain, encoded = (
        MultiClipDataset(store, videos, 7, recipe, training, teacher=store, encoded=encoded)
        for encoded in (False, True)
    )
    expected, _ = plain.collate([plain[draw] for draw in draws])
    batch, _ = encoded.collate([encoded[draw] for draw in draws])
    assert isinstance(batch.clips, EncodedClips)
    decoded = batch.on_device(torch.device("cpu"))
    for clips in (decoded.clips, decoded.teacher_clips):
        assert clips.pixels.shape == expected.clips.pixels.shape
        difference = clips.pixels.int() - expected.clips.pixels.int()
        assert difference.abs().max() <= 3  # the two decoders round differently
    for name in ("flips", "labels", "neighbour_labels", "order"):
        assert torch.equal(getattr(decoded, name), getattr(expected, name))
    empty, _ = encoded.collate([])
    empty = empty.on_device(torch.device("cpu"))
    assert {name: t.dtype for name, t in tensors(empty).items()} == {
        name: t.dtype for name, t in tensors(decoded).items()
    }
    assert empty.clips.pixels.shape == (
        0,
        2,
        7,
        20,
        20,
        CHANNELS[kind],
    )
