"""Classes of files, folders and patterns, of windows, in all formats."""

import csv
import json
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from motionfit.cli import main
from motionfit.errors import MotionFitError
from motionfit.models import build_network, load_model, save_model
from motionfit.store.video import decode, frame_rate
from motionfit.use.cut import Cut
from motionfit.use.model import Model, Prediction
from motionfit.use.overlay import write_overlay
from motionfit.use.videos import find_videos
from motionfit.use.windows import check_cut, split, whole_video, windows
from tests.videos import described, encode_video, make_video, moving_square


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.pt"
    about = described("frames", ["wave", "jump", "turn"], 4, [32, 48], 28)
    save_model(build_network("r2plus1d_small", "frames", 3, seed=1), about, path)
    return path


def test_videos_are_found_in_folders_and_by_patterns(tmp_path):
    for name in ("b/2.mp4", "b/1.avi", "b/notes.txt", "c.mp4", "odd[1].mp4", "sound.dat"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()

    def found(*names):
        paths = find_videos(tmp_path / name for name in names)
        return [str(path.relative_to(tmp_path)) for path in paths]

    assert found("c.mp4", "b") == ["c.mp4", "b/1.avi", "b/2.mp4"]
    assert found("**/*.mp4", "c.mp4") == ["b/2.mp4", "c.mp4", "odd[1].mp4"]
    assert found("b/*", "odd[1].mp4") == ["b/1.avi", "b/2.mp4", "odd[1].mp4"]
    assert found("sound.dat", "missing.mp4") == ["sound.dat", "missing.mp4"]
    with pytest.raises(MotionFitError, match="no video matches"):
        found("*.mkv")
    (tmp_path / "empty").mkdir()
    with pytest.raises(MotionFitError, match="no video below"):
        found("empty")


@pytest.mark.parametrize(
    ("frames", "ends"),
    [
        (10, [1.0]),
        (14, [1.4]),
        (15, [1.5]),
        (16, [1, 1.6]),
        (20, [1, 2]),
        (24, [1, 2.4]),
        (26, [1, 2, 2.6]),
    ],
)
def test_windows_divide_a_video_and_the_last_one_takes_a_short_rest(frames, ends):
    moments = [(t / 10, b"%d" % t) for t in range(frames)]
    parts = list(split(iter(moments), Cut(1.0, 1.0)))
    assert [end for _, end, _ in parts] == pytest.approx(ends)
    assert [start for start, _, _ in parts] == pytest.approx([0, *ends[:-1]])
    assert [image for *_, images in parts for image in images] == [image for _, image in moments]


def test_windows_can_overlap():
    moments = [(t / 10, t) for t in range(30)]
    parts = list(split(iter(moments), Cut(1.0, 0.4)))
    starts = [0, 0.4, 0.8, 1.2, 1.6, 2.0]  # the last one reaches the end of the video
    assert [start for start, _, _ in parts] == pytest.approx(starts)
    assert [end for _, end, _ in parts] == pytest.approx([start + 1 for start in starts])
    for start, end, images in parts:
        assert images == list(range(round(10 * start), round(10 * end)))


def test_one_window_for_a_whole_video_has_the_same_clips(tmp_path, model):
    about = load_model(model)[1]
    video = make_video(tmp_path / "v.mp4", frames=20)
    whole = whole_video(video, about, 3)
    [window] = windows(video, about, 3, Cut(100, 100))
    assert np.array_equal(window.clips.clips, whole.clips.clips)
    assert np.array_equal(window.clips.weights, whole.clips.weights)
    assert (window.start, whole.start) == (0, 0)
    assert window.end == pytest.approx(whole.end) == pytest.approx(20 / frame_rate(video))


def test_a_window_has_the_classes_of_a_video_of_its_frames(tmp_path, model):
    """Losslessly, so that the frames of a part are those of the whole."""
    frames = moving_square(24) + np.random.default_rng(0).integers(0, 30, (24, 1, 1, 3), np.uint8)
    lossless = {"codec": "ffv1", "pixels": "bgr0"}
    whole = encode_video(tmp_path / "whole.mkv", frames, **lossless)
    part = encode_video(tmp_path / "part.mkv", frames[12:], **lossless)
    reader = Model(model, threads=1)
    first, second = reader.predictions(whole, Cut(1.0, 1.0), clips=2)
    assert (second.start, second.end) == pytest.approx((1, 2), abs=0.01)
    assert second.classes == reader.predict(part, clips=2)
    assert first.classes != second.classes


def test_a_long_video_never_has_more_than_two_and_a_half_windows_in_memory():
    alive = []

    class Image(bytes):
        def __new__(cls):
            alive.append(1)
            return super().__new__(cls)

        def __del__(self):
            alive.pop()

    most = 0
    for _, _, images in split(((t / 10, Image()) for t in range(1000)), Cut(2.0, 2.0)):
        assert len(images) == 20
        most = max(most, len(alive))
        del images
    assert most <= 51
    assert not alive


def test_json_and_csv_have_every_class_of_every_window(tmp_path, model, capsys):
    make_video(tmp_path / "videos" / "v.mp4", frames=50)
    arguments = ["predict", "--model", str(model), "--threads", "1", "--clips", "1"]
    arguments += [str(tmp_path / "videos"), "--windows", "1"]
    assert main([*arguments, "--output", str(tmp_path / "out.csv")]) == 0
    assert main([*arguments, "--format", "json"]) == 0
    objects = json.loads(capsys.readouterr().out)
    rows = list(csv.DictReader((tmp_path / "out.csv").read_text().splitlines()))
    assert len(rows) == len(objects) > 2
    rate = float(frame_rate(tmp_path / "videos" / "v.mp4"))
    assert float(rows[-1]["end"]) == pytest.approx(50 / rate, abs=0.001)
    for row, of_window in zip(rows, objects, strict=True):
        assert row["video"] == of_window["video"] == str(tmp_path / "videos" / "v.mp4")
        assert (float(row["start"]), float(row["end"])) == (of_window["start"], of_window["end"])
        assert row["predicted"] == next(iter(of_window["classes"]))
        assert list(of_window["classes"].values()) == sorted(
            of_window["classes"].values(), reverse=True
        )
        assert {name: float(row[f"p({name})"]) for name in ("wave", "jump", "turn")} == (
            of_window["classes"]
        )


def test_json_of_whole_videos_skips_those_that_cannot_be_read(tmp_path, model, capsys):
    (tmp_path / "a.mp4").write_text("no video")
    make_video(tmp_path / "b.mp4")
    videos = [str(tmp_path / "*.mp4"), "--format", "json"]
    assert main(["predict", "--model", str(model), *videos]) == 1
    output = capsys.readouterr()
    [of_video] = json.loads(output.out)
    assert of_video["video"] == str(tmp_path / "b.mp4")
    assert set(of_video) == {"video", "classes"}
    assert output.err.count("error: ") == 1
    assert "a.mp4 can't be decoded" in output.err


def test_the_overlay_shows_each_window_at_the_size_and_rate_of_the_video(tmp_path, model, capsys):
    frames = np.full((24, 64, 96, 3), 200, np.uint8)
    video = encode_video(tmp_path / "v.mp4", frames)
    overlay = tmp_path / "overlay.mp4"
    arguments = ["--windows", "1", "--clips", "1", "--overlay", str(overlay), str(video)]
    assert main(["predict", "--model", str(model), *arguments]) == 0
    drawn = np.stack(list(decode(overlay, None)))
    assert drawn.shape == frames.shape
    assert frame_rate(overlay) == Fraction(12)
    assert drawn[:, 40:].mean() == pytest.approx(200, abs=5)  # below the bar
    assert drawn[:, :6].mean() < 100
    assert "start" in capsys.readouterr().out


def test_the_overlay_changes_in_the_middle_of_an_overlap(tmp_path):
    frames = np.full((36, 64, 96, 3), 200, np.uint8)  # 12 per second
    video = encode_video(tmp_path / "v.mp4", frames)
    parts = [Prediction(0, 2, {"a": 1.0}), Prediction(1, 3, {"bbbbbb": 1.0})]
    write_overlay(video, parts, tmp_path / "o.mp4")
    drawn = np.stack(list(decode(tmp_path / "o.mp4", None))).astype(int)
    changes = np.abs(np.diff(drawn[:, :7], axis=0)).mean(axis=(1, 2, 3))
    assert changes.argmax() + 1 == 18  # the first frame of 1.5 seconds


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--every", "1"], "give --windows, too"),
        (["--windows", "1", "--every", "2"], "would leave gaps: give 1 at most"),
    ],
)
def test_windows_that_make_no_sense_are_refused(tmp_path, model, capsys, options, message):
    video = make_video(tmp_path / "v.mp4", frames=8)
    assert main(["predict", "--model", str(model), str(video), *options]) == 1
    assert message in capsys.readouterr().err
    embed = ["embed", "--model", str(model), "-o", str(tmp_path / "f.h5"), str(video), *options]
    assert main(embed) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("command", [["predict"], ["embed", "-o", "f.h5"]])
def test_windows_that_repeat_frames_are_refused(tmp_path, model, capsys, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    video = make_video(tmp_path / "v.mp4", frames=8)
    network, about = load_model(model)
    save_model(network, replace(about, fps=5.0), tmp_path / "five.pt")
    options = ["--model", "five.pt", str(video), "--windows", "1", "--every", "0.1"]
    assert main([*command, *options]) == 1
    assert "give 0.2 or more" in capsys.readouterr().err
    assert not (tmp_path / "f.h5").exists()


def test_overlapping_windows_are_rows(tmp_path, model, capsys):
    video = make_video(tmp_path / "v.mp4", frames=24)  # 2 seconds
    options = ["--windows", "1", "--every", "0.5", "--clips", "1", "--format", "csv"]
    assert main(["predict", "--model", str(model), str(video), *options]) == 0
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    times = [[float(row["start"]), float(row["end"])] for row in rows]
    assert np.allclose(times, [[0, 1], [0.5, 1.5], [1, 2]], atol=0.01)


def test_the_overlay_takes_one_video_and_replaces_no_input(tmp_path, model, capsys):
    video = make_video(tmp_path / "v.mp4")
    make_video(tmp_path / "w.mp4")
    predict = ["predict", "--model", str(model)]
    assert main([*predict, str(tmp_path), "--overlay", str(tmp_path / "o.mp4")]) == 1
    assert "--overlay takes one video, but there are 2" in capsys.readouterr().err
    assert main([*predict, str(video), "--overlay", str(video)]) == 1
    assert "must be different files" in capsys.readouterr().err
    # A video that is named in two ways is no mistake.
    again = tmp_path / "again.mp4"
    again.symlink_to(video)
    assert main([*predict, str(video), str(again), "--clips", "1"]) == 0


def test_windows_that_do_not_fit_the_model(model, caplog):
    about = replace(load_model(model)[1], fps=2.0)  # clips of 4 frames
    check_cut(Cut(1.6, every=0.5), about)
    assert not caplog.records
    check_cut(Cut(1.0, every=0.5), about)
    assert "shorter than a clip of the model, 2.0 seconds (4 frames)" in caplog.text
    with pytest.raises(MotionFitError, match=r"with --every 0\.4 .* give 0\.5 or more"):
        check_cut(Cut(1.6, every=0.4), about)
    check_cut(Cut(1.0, every=0.1), replace(about, fps=None))  # the rate is that of each video
