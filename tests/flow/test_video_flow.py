"""The command that shows the flow of a video."""

import av
import numpy as np
import pytest
import torch
from torchvision.utils import flow_to_image

from motionfit.cli import main
from motionfit.flow.colours import flow_colours
from motionfit.flow.video import SAMPLE, video_flow
from tests.flow.test_flow import textured
from tests.videos import moving_square, write_video


def test_the_colours_are_the_middlebury_wheel():
    flow = np.random.default_rng(0).normal(0, 3, (40, 50, 2)).astype(np.float32)
    largest = float(np.linalg.norm(flow, axis=-1).max())
    reference = flow_to_image(torch.from_numpy(flow).permute(2, 0, 1)).permute(1, 2, 0).numpy()
    difference = np.abs(flow_colours(flow, largest).astype(int) - reference)
    assert difference.max() <= 1
    assert (flow_colours(np.zeros((2, 2)), 1.0) == 255).all()


def test_motion_beyond_the_scale_has_the_full_colour():
    np.testing.assert_array_equal(*(flow_colours(np.array([v, 0.0]), 2.0) for v in (2, 9)))


def test_it_writes_a_video_and_the_field(tmp_path):
    video = tmp_path / "a b.mp4"
    frame = np.repeat(textured(66, 98)[..., None], 3, axis=-1)
    moving = [np.roll(frame, 2 * t, axis=1) for t in range(7)]
    for later in moving:
        later[:, :40] = frame[:, :40]  # the left is still
    write_video(video, np.stack(moving))
    picture, field = tmp_path / "new" / "flow.mp4", tmp_path / "flow.npy"
    outputs = ["-o", str(picture), "--npy", str(field)]
    assert main(["flow", str(video), *outputs, "--size", "33x49"]) == 0
    flow = np.load(field)
    assert flow.shape == (6, 33, 49, 2)
    assert flow.dtype == np.float32
    assert np.median(flow[:, 5:-5, 24:44, 0]) == pytest.approx(1, abs=0.1)
    assert np.abs(flow[:, 5:-5, 2:15]).mean() < 0.1
    with av.open(str(picture)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(frames) == 6
    assert frames[0].shape == (34, 50, 3)
    red = np.median(frames[3][5:28, 24:44], axis=(0, 1))  # motion to the right
    assert red[0] > 200 > red[1:].max()
    assert np.median(frames[3][5:28, 2:15]) > 230  # rest is white
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a b.mp4", "flow.npy", "new"]


def test_the_size_is_that_of_the_video_and_a_method_can_be_chosen(tmp_path):
    video = tmp_path / "a.mp4"
    write_video(video, moving_square(3, step=2, height=32, width=48))
    assert main(["flow", str(video), "--npy", str(tmp_path / "f.npy"), "--method", "dis"]) == 0
    assert np.load(tmp_path / "f.npy").shape == (2, 32, 48, 2)


def test_no_flow_is_computed_twice_and_all_of_it_is_in_order(tmp_path, monkeypatch):
    video = tmp_path / "a.mp4"
    frames = [np.full((16, 16, 3), 2 * t, np.uint8) for t in range(SAMPLE + 20)]
    write_video(video, np.stack(frames))
    computed = []

    def compute(pairs, method, threads):
        computed.extend(pairs)
        return [np.full((16, 16, 2), pair[0].mean(), np.float32) for pair in pairs]

    monkeypatch.setattr("motionfit.flow.video.compute_pairs", compute)
    video_flow(video, None, "tvl1", 1, tmp_path / "o.mp4", tmp_path / "f.npy")
    assert len(computed) == len(frames) - 1
    greys = np.load(tmp_path / "f.npy")[:, 0, 0, 0]
    assert len(greys) == len(frames) - 1
    assert (np.diff(greys) > 0).all()


@pytest.mark.parametrize("option", ["-o", "--npy"])
@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("taken.mp4", "taken.mp4 is a folder: name the file to write"),
        ("v.mp4/o.mp4", "v.mp4 is not a folder"),
        ("new/o.mp4", "you have no permission to write to"),
    ],
)
def test_an_output_that_can_not_be_written_is_told_at_once(
    tmp_path, monkeypatch, capfd, option, output, message
):
    def nothing(*_):
        raise AssertionError("it has begun")

    monkeypatch.setattr("motionfit.flow.video.survey", nothing)
    if output.startswith("new"):
        monkeypatch.setattr("os.access", lambda *_: False)  # the superuser may write anywhere
    (tmp_path / "v.mp4").touch()
    (tmp_path / "taken.mp4").mkdir()
    assert main(["flow", str(tmp_path / "v.mp4"), option, str(tmp_path / output)]) == 1
    assert message in capfd.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["taken.mp4", "v.mp4"]


@pytest.mark.parametrize(
    ("make", "arguments", "message"),
    [
        (None, ["--npy", "f.npy"], "can't be decoded"),
        (lambda path: path.write_bytes(b"no video"), ["--npy", "f.npy"], "can't be decoded"),
        (lambda path: write_video(path, moving_square(1, step=1)), ["-o", "o.mp4"], "one frame"),
        (lambda path: write_video(path, moving_square(3, step=1)), [], "nothing to write"),
        (lambda path: write_video(path, moving_square(3, step=1)), ["-o", "o.gif"], "name it .mp4"),
        (lambda path: write_video(path, moving_square(3, step=1)), ["-o", "v.mp4"], "different"),
        (
            lambda path: write_video(path, moving_square(3, step=1)),
            ["-o", "o.mp4", "--method", "dis", "--size", "8x8"],
            "at least 16 pixels",
        ),
    ],
)
def test_what_is_wrong_is_one_message(tmp_path, monkeypatch, capfd, make, arguments, message):
    monkeypatch.chdir(tmp_path)
    video = tmp_path / "v.mp4"
    if make:
        make(video)
        size = video.stat().st_size
    assert main(["flow", str(video), *arguments]) == 1
    errors = capfd.readouterr().err
    assert message in errors
    assert not make or video.stat().st_size == size
    assert "Traceback" not in errors
    assert [path.name for path in tmp_path.iterdir() if path != video] == []
