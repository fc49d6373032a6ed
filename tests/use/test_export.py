"""Exported models, and the example of their use in the documentation."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from motionfit.cli import main
from motionfit.clips.transforms import RGB_MEAN, network_input
from motionfit.models import Learned, build_network, load_model, save_model
from motionfit.use import export
from motionfit.use.model import Model
from tests.videos import described, encode_video

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "use.md"
ABOUT = replace(described("frames", ["wave", "jump", "turn"], 4, [32, 48], 28), clips=3)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.pt"
    network = build_network("r2plus1d_small", "frames", 3, seed=1)
    network.fc.weight.data *= 20  # so that probabilities differ from video to video
    save_model(network, ABOUT, path)
    return path


@pytest.fixture(scope="module")
def exported(model):
    """The folder of an export to ONNX."""
    for package in export.NEEDED:
        pytest.importorskip(package)
    export.export(Model(model), "onnx", model.parent / "exported")
    return model.parent / "exported"


def by_hand(model, frames):
    """Probabilities (B, 3) of frames (B, L, 32, 48, 3)."""
    network, about = load_model(model)
    clips = torch.from_numpy(frames)[:, :, 2:30, 10:38]
    with torch.no_grad():
        return network(network_input(clips, about.modality)).softmax(dim=1).numpy()


@pytest.mark.parametrize("batch", [1, 5])
def test_the_onnx_graph_takes_whole_frames_of_any_number_of_clips(model, exported, batch):
    onnxruntime = pytest.importorskip("onnxruntime")
    frames = np.random.default_rng(1).integers(0, 256, (batch, 4, 32, 48, 3), dtype=np.uint8)
    session = onnxruntime.InferenceSession(exported / "model.onnx")
    [probabilities] = session.run(["probabilities"], {"frames": frames})
    assert np.allclose(probabilities, by_hand(model, frames), atol=1e-4)
    assert {path.name for path in exported.iterdir()} == {"model.onnx", "preprocessing.json"}


def test_preprocessing_says_what_the_graph_needs(exported):
    about = json.loads((exported / "preprocessing.json").read_text())
    assert about["input"]["shape"] == ["batch", 4, 32, 48, 3]
    assert (about["classes"], about["clips"]) == (["wave", "jump", "turn"], 3)
    assert about["normalisation"]["mean"] == list(RGB_MEAN)
    assert about["crop"]["size"] == 28


def test_the_torch_graph_needs_no_further_package(tmp_path, model, capsys, monkeypatch):
    monkeypatch.setattr(export, "find_spec", lambda name: None)
    assert main(["export", str(model), "--output", str(tmp_path), "--format", "torch"]) == 0
    assert "checked: torch.export and the model differ by" in capsys.readouterr().out
    graph = torch.export.load(tmp_path / "model.pt2").module()
    frames = np.random.default_rng(2).integers(0, 256, (2, 4, 32, 48, 3), dtype=np.uint8)
    assert np.allclose(graph(torch.from_numpy(frames)), by_hand(model, frames), atol=1e-5)
    assert (tmp_path / "preprocessing.json").exists()


def test_onnx_without_its_packages_gives_one_message(tmp_path, model, capsys, monkeypatch):
    monkeypatch.setattr(export, "find_spec", lambda name: None)
    assert main(["export", str(model), "--output", str(tmp_path / "exported")]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: an export to ONNX needs onnx, onnxscript, onnxruntime: pip")
    assert len(error.splitlines()) == 1


def test_a_graph_that_differs_from_the_model_is_not_kept(tmp_path, model, capsys, monkeypatch):
    def write_wrong(graph, example, path):
        path.touch()
        return lambda clips: graph(torch.from_numpy(clips)).numpy() + 0.001

    monkeypatch.setattr(export, "write_torch", write_wrong)
    assert main(["export", str(model), "--output", str(tmp_path), "--format", "torch"]) == 1
    assert "graph differ by 0.001 from those of" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_model_without_classes_is_not_exported(tmp_path, capsys):
    path = tmp_path / "model.pt"
    network = build_network("r2plus1d_small", "frames", 3, seed=1)
    save_model(network, replace(ABOUT, learned=Learned.PSEUDO_LABELS), path)
    assert main(["export", str(path), "--output", str(tmp_path / "e"), "--format", "torch"]) == 1
    assert "has not learned classes" in capsys.readouterr().err


def test_the_documents_example_gives_the_classes_of_a_video(model, exported):
    """It runs without this package. Frames of the stored size need no resizing; JPEG remains."""
    example = re.search(
        r"OpenCV and ONNX Runtime:\n\n```python\n(.*?)```", DOCUMENT.read_text(), re.S
    )
    code = example[1]
    assert "motionfit" not in code
    assert len([line for line in code.splitlines() if line and "import" not in line]) <= 20
    frames = np.random.default_rng(3).integers(60, 190, (9, 8, 12, 3), dtype=np.uint8)
    frames = frames.repeat(4, axis=1).repeat(4, axis=2)
    video = encode_video(model.parent / "video.mp4", frames)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=model.parent, check=True, capture_output=True, text=True
    )
    printed = [line.rsplit(" ", 1) for line in done.stdout.splitlines()]
    predicted = Model(model, threads=1).predict(video)
    assert [name for name, _ in printed] == list(predicted)
    for name, probability in printed:
        assert float(probability) == pytest.approx(predicted[name], abs=0.03)
