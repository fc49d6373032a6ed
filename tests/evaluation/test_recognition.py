import json
import shutil
import weakref
from dataclasses import replace

import av
import numpy as np
import pandas as pd
import pytest
import torch

from motionfit.clips.transforms import network_input, read_centre_clips
from motionfit.datasets.demo import write_video
from motionfit.errors import MotionFitError
from motionfit.evaluation.recognition import (
    ClipsOfVideo,
    stored_videos,
    video_probabilities,
)
from motionfit.files import write_json
from motionfit.modality import Modality
from motionfit.models import Learned, build_network, load_model, save_model
from motionfit.stages.metrics import metrics
from motionfit.store.clips import ClipStore
from motionfit.store.frames import store_frames
from motionfit.use.model import Model
from motionfit.use.windows import whole_video
from tests.stages import recognise
from tests.videos import described, make_frames, make_index, make_video, moving_square

ABOUT = described("frames", ["a", "b", "c"], 8, [32, 48], 28)


@pytest.fixture
def model(tmp_path):
    save_model(build_network("r2plus1d_small", "frames", 3, seed=1), ABOUT, tmp_path / "model.pt")
    return tmp_path / "model.pt"


def test_probabilities_are_the_mean_of_the_clips_softmax():
    network = build_network("r2plus1d_small", "frames", 3, seed=1).eval()
    clips = np.random.default_rng(0).integers(0, 256, (4, 8, 28, 28, 3), dtype=np.uint8)
    with torch.no_grad():
        times = np.array([1, 4, 2, 3])
        video = ClipsOfVideo(clips, times)
        mean = video_probabilities(network, ABOUT, video, torch.device("cpu"))
        each = [
            network(network_input(torch.from_numpy(c)[None], "frames")).softmax(1)[0].numpy()
            for c in clips
        ]
    by_hand = 0.1 * each[0] + 0.4 * each[1] + 0.2 * each[2] + 0.3 * each[3]
    assert np.allclose(mean, by_hand, atol=1e-5)
    assert mean.sum() == pytest.approx(1, abs=1e-5)


def test_stored_videos_and_video_files_get_the_same_probabilities(tmp_path, model):
    rng = np.random.default_rng(0)
    labels, paths = {}, []
    # The test videos have ten different clips, three, and fewer frames than a clip.
    for i, frames in enumerate([20, 20, 20, 20, 10, 6]):
        video = (moving_square(frames, step=1 + i % 3) // (1 + i % 2)).astype(np.uint8)
        name = f"v{i}"
        write_video(tmp_path / f"{name}.mp4", video + rng.integers(0, 5, video.shape, np.uint8))
        labels[name] = "abc"[i % 3]
        paths.append(str(tmp_path / f"{name}.mp4"))
    index = make_index(labels, test={"v3", "v4", "v5"}).assign(path=paths)
    store_frames(index, (32, 48), None, ABOUT.quality, tmp_path / "frames" / "0000.h5")
    recognise(
        model,
        index,
        1,
        tmp_path / "frames",
        8,
        10,
        1,
        tmp_path / "out.json",
    )

    table = pd.read_csv(tmp_path / "predictions.csv")
    assert table["video"].tolist() == ["v3", "v4", "v5"]
    classes = table[["p(a)", "p(b)", "p(c)"]]
    assert np.allclose(classes.sum(axis=1), 1, atol=1e-3)
    assert [f"p({name})" for name in table["predicted"]] == classes.idxmax(axis=1).tolist()
    result = json.loads((tmp_path / "out.json").read_text())
    assert result["top1"] == pytest.approx((table["predicted"] == table["label"]).mean())
    assert result["videos"] == 3
    assert result["top5"] == 1  # there are only three classes

    predictor = Model(model, threads=1)
    for row, video in enumerate(table["video"]):
        predicted = predictor.predict(tmp_path / f"{video}.mp4")
        assert list(predicted.values()) == sorted(predicted.values(), reverse=True)
        for name, probability in predicted.items():
            assert round(probability, 5) == table[f"p({name})"][row]


def test_ten_clips_of_a_short_video_are_averaged(tmp_path, model):
    """The clips of eight of ten frames start at 0 (three clips), 1 (four) and 2 (three)."""
    colours = np.random.default_rng(0).integers(0, 256, (10, 1, 1, 3))
    video = np.broadcast_to(colours, (10, 32, 48, 3)).astype(np.uint8)
    make_frames(tmp_path / "frames" / "0000.h5", {"v": video, "w": video, "x": video})
    index = make_index({"v": "a", "w": "b", "x": "c"}, test={"v"})
    recognise(
        model,
        index,
        1,
        tmp_path / "frames",
        8,
        10,
        1,
        tmp_path / "out.json",
    )
    network, _ = load_model(model)
    store = ClipStore(tmp_path / "frames", ["0000"], "frames")
    clips = read_centre_clips(store, "v", [0, 1, 2], 8, 28)
    with torch.no_grad():
        first, second, third = network(network_input(torch.from_numpy(clips), "frames")).softmax(1)
    by_hand = 0.3 * first + 0.4 * second + 0.3 * third
    assert not torch.allclose(by_hand, (first + second + third) / 3, atol=1e-4)
    table = pd.read_csv(tmp_path / "predictions.csv")
    assert np.allclose(table[["p(a)", "p(b)", "p(c)"]], by_hand, atol=2e-5)


@pytest.mark.parametrize(("frames", "fps"), [(5, None), (40, None), (40, 10.0)])
def test_the_clips_of_a_file_equal_those_of_its_stored_frames(tmp_path, frames, fps):
    """They are equal byte for byte: in size, rate, JPEG compression and crop, and in the frames
    past the end of a short video."""
    about = replace(ABOUT, fps=fps, quality=60)
    make_video(tmp_path / "v.mp4", frames=frames, step=4)
    index = make_index({"v": ""}).assign(path=[str(tmp_path / "v.mp4")])
    store_frames(index, (32, 48), fps, about.quality, tmp_path / "frames" / "0000.h5")
    store = ClipStore(tmp_path / "frames", ["0000"], "frames")
    [stored_clips] = stored_videos(store, ["v"], about, 10, torch.device("cpu"), 1)
    of_file = whole_video(tmp_path / "v.mp4", about, 10).clips
    assert np.array_equal(of_file.clips, stored_clips.clips)
    assert np.array_equal(of_file.weights, stored_clips.weights)


def test_recognition_saves_the_number_of_clips_in_the_model(tmp_path, model):
    """A copy of the model uses this number to predict."""
    make_video(tmp_path / "v.mp4", frames=40)
    index = make_index({"u": "a", "v": "b", "w": "c"}, test={"v"})
    index = index.assign(path=str(tmp_path / "v.mp4"))
    store_frames(index, (32, 48), None, ABOUT.quality, tmp_path / "frames" / "0000.h5")
    before = load_model(model)[0].state_dict()
    recognise(
        model,
        index,
        1,
        tmp_path / "frames",
        8,
        3,
        1,
        tmp_path / "out.json",
    )
    network, about = load_model(model)
    assert about.clips == 3
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    table = pd.read_csv(tmp_path / "predictions.csv")
    copy = shutil.copy(model, tmp_path / "copy.pt")
    predicted = Model(copy, threads=1).predict(tmp_path / "v.mp4")
    assert {name: round(p, 5) for name, p in predicted.items()} == {
        name: table[f"p({name})"][0] for name in "abc"
    }
    other = Model(copy, threads=1).predict(tmp_path / "v.mp4", clips=10)
    assert other != predicted


def test_recognition_does_not_change_a_model_outside_its_own_folder(tmp_path, model):
    make_video(tmp_path / "v.mp4", frames=12)
    index = make_index({"u": "a", "v": "b", "w": "c"}, test={"v"})
    index = index.assign(path=str(tmp_path / "v.mp4"))
    store_frames(index, (32, 48), None, ABOUT.quality, tmp_path / "frames" / "0000.h5")
    before = model.read_bytes()
    recognise(
        model,
        index,
        1,
        tmp_path / "frames",
        8,
        3,
        1,
        tmp_path / "evaluation" / "out.json",
    )
    assert model.read_bytes() == before


STILLS = {
    "gif": ("gif", "gif", "rgb8"),
    "jpg": ("image2", "mjpeg", "yuvj420p"),
    "png": ("image2", "png", "rgb24"),
}
"""For each suffix, FFmpeg's format, codec and pixel format."""


@pytest.mark.parametrize("name", ["one.mp4", "one.gif", "one.jpg", "one.png"])
def test_predict_refuses_videos_of_one_frame_as_the_pipeline_does(tmp_path, model, name):
    make_video(tmp_path / "one.mp4", frames=1)
    if name != "one.mp4":
        container, codec, layout = STILLS[name[-3:]]
        with av.open(str(tmp_path / name), "w", format=container) as file:
            stream = file.add_stream(codec, rate=1)
            stream.height, stream.width, stream.pix_fmt = 32, 48, layout
            image = np.full((32, 48, 3), 90, np.uint8)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            file.mux(stream.encode())
    with pytest.raises(MotionFitError, match=r"one\.\w+ can't be classified: it has one frame"):
        Model(model, threads=1).predict(tmp_path / name)


def test_predict_keeps_only_the_frames_of_its_clips_in_memory(tmp_path, monkeypatch):
    """So a video of any length fits into memory."""
    references = []

    class Frame:
        """Stands in for a decoded frame."""

    def many_frames(*_):
        for t in range(5000):
            frame = Frame()
            references.append(weakref.ref(frame))
            yield t / 25, frame
            del frame

    image = np.zeros((32, 48, 3), np.uint8)
    monkeypatch.setattr("motionfit.use.windows.timed_frames", many_frames)
    monkeypatch.setattr("motionfit.use.windows.upright", lambda *_: image)
    assert whole_video(tmp_path / "v.mp4", ABOUT, 10).clips.clips.shape == (10, 8, 28, 28, 3)
    assert sum(reference() is not None for reference in references) < 5
    assert len(references) == 2 * 5000


def test_recognition_refuses_a_model_of_other_classes(tmp_path, model):
    index = make_index({"v": "z", "w": "z"}, test={"w"})
    with pytest.raises(MotionFitError, match="fine_tuning"):
        recognise(model, index, 1, tmp_path, 8, 10, 1, tmp_path / "o")


@pytest.mark.parametrize(
    "change", [{"modality": Modality.FLOW}, {"learned": Learned.PSEUDO_LABELS}]
)
def test_predict_refuses_models_that_do_not_classify_rgb(tmp_path, change):
    about = replace(ABOUT, **change)
    network = build_network("r2plus1d_small", about.modality, 3, seed=0)
    save_model(network, about, tmp_path / "model.pt")
    with pytest.raises(MotionFitError, match="fine-tuned appearance model"):
        Model(tmp_path / "model.pt", threads=1).predict(tmp_path / "v.mp4")


def test_the_summary_has_each_split_and_the_mean(tmp_path):
    for split, top1 in ((1, 0.5), (3, 0.75)):
        write_json(tmp_path / f"split{split}" / "recognition.json", {"top1": top1})
        write_json(tmp_path / f"split{split}" / "retrieval.json", {"clip": {"R@1": top1 / 2}})
    output = tmp_path / "metrics.json"
    both = ["recognition", "retrieval"]
    metrics(evaluation=tmp_path, splits=[1, 3], measures=both, output=output)
    written = json.loads(output.read_text())
    assert written["recognition top1"] == {"splits": {"1": 0.5, "3": 0.75}, "mean": 0.625}
    assert written["retrieval clip R@1"]["mean"] == 0.3125
    metrics(evaluation=tmp_path, splits=[1], measures=["retrieval"], output=output)
    assert set(json.loads((tmp_path / "metrics.json").read_text())) == {"retrieval clip R@1"}
