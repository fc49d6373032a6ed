"""Features of videos in files, and the search in them."""

from dataclasses import replace

import cv2
import h5py
import numpy as np
import pandas as pd
import pytest

from motionfit.cli import main
from motionfit.errors import MotionFitError
from motionfit.models import build_network, save_model
from motionfit.use.embeddings import Embeddings, read_embeddings, write_embeddings
from motionfit.use.model import Model
from motionfit.use.search import nearest
from motionfit.use.sheet import frames_at
from tests.videos import described, encode_video, moving_square


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two models, and three videos of different colours."""
    folder = tmp_path_factory.mktemp("embeddings")
    about = described("frames", ["wave", "jump"], 4, [32, 48], 28)
    about = replace(about, clips=2)
    for i, name in enumerate(("model.pt", "other.pt")):
        save_model(build_network("r2plus1d_small", "frames", 2, seed=i), about, folder / name)
    (folder / "videos").mkdir()
    for i, name in enumerate(("a", "b", "c")):
        frames = moving_square(24, step=1 + i) // (1 + i)
        encode_video(folder / "videos" / f"{name}.mp4", frames)
    return folder


def embed(folder, output, *options):
    arguments = ["embed", str(folder / "videos"), "--model", str(folder / "model.pt")]
    return main([*arguments, "--output", str(output), "--threads", "1", *options])


def test_a_row_of_parquet_has_the_features_of_a_video(tmp_path, folder):
    assert embed(folder, tmp_path / "f.parquet") == 0
    table = pd.read_parquet(tmp_path / "f.parquet")
    assert list(table.columns) == ["video", "start", "end", *(f"f{i}" for i in range(128))]
    assert (table.dtypes["f0"], len(table)) == (np.float32, 3)
    assert table["end"].tolist() == pytest.approx([2, 2, 2])
    features = Model(folder / "model.pt").embed(table["video"][1])
    assert np.allclose(table.iloc[1, 3:].to_numpy(np.float32), features, atol=1e-6)


def test_a_row_of_hdf5_has_the_features_of_a_window(tmp_path, folder):
    assert embed(folder, tmp_path / "f.h5", "--windows", "1") == 0
    with h5py.File(tmp_path / "f.h5") as file:
        assert file["features"].shape == (6, 128)
        assert file["features"].dtype == np.float32
        names = [name.decode().rsplit("/", 1)[1] for name in file["video"]]
        assert names == ["a.mp4"] * 2 + ["b.mp4"] * 2 + ["c.mp4"] * 2
        assert np.allclose(file["start"][:], [0, 1] * 3, atol=1e-6)
        assert len(file.attrs["model"]) == 64


@pytest.mark.parametrize("name", ["f.parquet", "f.h5"])
def test_features_come_back_as_they_were_written(tmp_path, name):
    features = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)
    written = Embeddings("abc", ["x é", "y", "y"], np.arange(3.0), np.arange(3) + 1.5, features)
    write_embeddings(written, tmp_path / name)
    read = read_embeddings(tmp_path / name)
    assert (read.model, read.videos) == (written.model, written.videos)
    assert np.array_equal(read.starts, written.starts)
    assert np.array_equal(read.ends, written.ends)
    assert np.array_equal(read.features, written.features)
    (tmp_path / name).write_bytes(b"something else")
    with pytest.raises(MotionFitError, match=f"{name} is"):
        read_embeddings(tmp_path / name)


def test_features_need_a_known_suffix_and_a_video(tmp_path, folder, capsys):
    assert embed(folder, tmp_path / "f.csv") == 1
    assert "so name it .parquet, .h5 or .hdf5" in capsys.readouterr().err
    (tmp_path / "v.mp4").write_text("no video")
    model = ["--model", str(folder / "model.pt"), "--output", str(tmp_path / "f.h5")]
    assert main(["embed", str(tmp_path / "v.mp4"), *model]) == 1
    error = capsys.readouterr().err
    assert "v.mp4 can't be decoded" in error
    assert "no video could be read" in error
    assert not (tmp_path / "f.h5").exists()


def test_a_search_finds_the_nearest_clips(tmp_path, folder, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")  # narrower than the names, which stay in one line
    assert embed(folder, tmp_path / "f.parquet") == 0
    query = folder / "videos" / "b.mp4"
    arguments = ["search", str(query), "--index", str(tmp_path / "f.parquet"), "--threads", "1"]
    sheet = tmp_path / "sheet.png"
    arguments += ["--top", "2", "--sheet", str(sheet)]
    assert main([*arguments, "--model", str(folder / "model.pt")]) == 0
    rows = [line.split("│") for line in capsys.readouterr().out.splitlines() if ".mp4" in line]
    assert len(rows) == 2
    similarity, start, end, name = (cell.strip() for cell in rows[0][1:5])
    assert float(similarity) == pytest.approx(1, abs=1e-3)
    assert (float(start), float(end), name) == (0, 2, str(query))
    assert float(rows[1][1]) <= float(similarity)
    image = cv2.imread(str(sheet))
    assert image.shape[0] % 3 == 0  # rows: the query, and two hits
    assert np.array_equal(image[28:148], image[154 + 28 : 154 + 148])  # the query is the first hit


def test_a_search_shows_no_moment_twice():
    starts = np.array([0.0, 1.0, 2.0, 0.0])  # windows of 3 seconds
    features = np.array([[1, 0], [1, 0.1], [1, 0.2], [1, 0.3]], np.float32)
    embeddings = Embeddings("m", ["a", "a", "a", "b"], starts, starts + 3, features)
    hits = nearest(np.array([1, 0], np.float32), embeddings, 3)
    assert [(hit.video, hit.start) for hit in hits] == [("a", 0), ("a", 2), ("b", 0)]


def test_an_index_of_another_model_is_refused(tmp_path, folder, capsys):
    assert embed(folder, tmp_path / "f.h5") == 0
    query = ["search", str(folder / "videos" / "a.mp4"), "--index", str(tmp_path / "f.h5")]
    assert main([*query, "--model", str(folder / "other.pt")]) == 1
    assert "was made with another model" in capsys.readouterr().err


def test_similarity_is_the_cosine():
    features = np.array([[1, 0], [0, 2], [3, 3], [0, 0]], np.float32)
    rows = Embeddings("", list("abcd"), np.zeros(4), np.ones(4), features)
    hits = nearest(np.array([0, 5], np.float32), rows, 4)
    assert [(hit.video, round(hit.similarity, 4)) for hit in hits] == [
        ("b", 1.0),
        ("c", 0.7071),
        ("a", 0.0),
        ("d", 0.0),
    ]


def test_frames_of_a_sheet_are_those_shown_at_the_times(tmp_path):
    greys = np.arange(12) * 20
    frames = np.broadcast_to(greys[:, None, None, None], (12, 32, 48, 3)).astype(np.uint8)
    video = encode_video(tmp_path / "v.mp4", frames)
    shown = [int(image.mean()) for image in frames_at(video, [0.1, 0.5, 0.99, 5])]
    assert shown == pytest.approx([20, 120, 220, 220], abs=3)
    with pytest.raises(MotionFitError):
        frames_at(tmp_path / "missing.mp4", [0.1])
