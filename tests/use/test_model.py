"""The model as Python code uses it, and what its file says."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from motionfit import __version__, load
from motionfit.cli import main
from motionfit.clips.transforms import network_input
from motionfit.closure import reached
from motionfit.errors import MotionFitError
from motionfit.models import build_network, load_model, save_model
from motionfit.use.windows import whole_video
from tests.videos import described, make_video


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.pt"
    about = described("frames", ["wave", "jump"], 4, [32, 48], 28)
    save_model(build_network("r2plus1d_small", "frames", 2, seed=1), about, path)
    return path


def test_a_loaded_model_predicts_and_embeds(tmp_path, model):
    video = make_video(tmp_path / "v.mp4", frames=9)
    loaded = load(str(model))
    assert loaded.classes == ["wave", "jump"]
    assert loaded.about.frame_size == [32, 48]
    predicted = loaded.predict(str(video))
    assert set(predicted) == {"wave", "jump"}
    assert list(predicted.values()) == sorted(predicted.values(), reverse=True)
    assert sum(predicted.values()) == pytest.approx(1, abs=1e-5)
    features = loaded.embed(video)
    assert features.dtype == np.float32
    network, about = load_model(model)
    clips, weights = whole_video(video, about, 10).clips
    with torch.no_grad():
        each = network.features(network_input(torch.from_numpy(clips), "frames")).numpy()
    assert len(clips) == 6  # distinct starts of 10 clips
    assert np.allclose(features, (each * weights[:, None]).sum(axis=0) / 10, atol=1e-5)


def test_a_model_on_flow_is_refused(tmp_path):
    about = described("flow", ["a", "b"], 4, [32, 48], 28)
    save_model(build_network("r2plus1d_small", "flow", 2, seed=1), about, tmp_path / "model.pt")
    with pytest.raises(MotionFitError, match=r"model\.pt reads flow\. Give a fine-tuned"):
        load(tmp_path / "model.pt")


def test_importing_the_package_imports_no_other_package():
    code = "import sys, motionfit; print(sorted(sys.modules.keys() & {'torch', 'numpy', 'av'}))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
    with pytest.raises(ImportError):
        from motionfit import nothing  # noqa: F401


def test_no_stage_depends_on_the_code_of_load():
    assert not any(
        name.startswith("motionfit.use") for name in reached("motionfit.stages.recognition")
    )


def test_about_prints_what_a_model_needs_and_where_it_comes_from(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    about = replace(
        described("frames", ["wave", "jump [x]"], 4, [32, 48], 28),
        fps=12.5,
        clips=3,
        history=["weights of a.pth", "labels of 20 videos of target, split 1"],
        licence="started from a.pth; see its licence",
    )
    path = tmp_path / "model.pt"
    save_model(build_network("r2plus1d_small", "frames", 2, seed=1), about, path)
    assert main(["about", str(path)]) == 0
    text = capsys.readouterr().out
    for part in (
        *("2: wave, jump [x]", "32x48 pixels", "28x28", "12.5 frames per second", "3 per video"),
        *("mean 0.43216, 0.394666", "1. weights of a.pth", "2. labels of 20 videos of target"),
        *("started from a.pth; see its licence", f"motionfit {__version__}, torch 2."),
    ):
        assert part in text


def test_a_file_of_an_older_version_can_still_be_used(tmp_path, model, capsys):
    """It lacks what this version saves in addition."""
    content = torch.load(model, weights_only=True)
    for name in ("history", "licence", "mean", "std", "versions"):
        del content["about"][name]
    torch.save(content, tmp_path / "old.pt")
    old = load(tmp_path / "old.pt")
    assert old.about.mean == pytest.approx([0.43216, 0.394666, 0.37645])
    assert old.about.versions == {}
    video = make_video(tmp_path / "v.mp4")
    assert old.predict(video) == load(model).predict(video)
    assert main(["about", str(tmp_path / "old.pt")]) == 0
    assert "the file is from a version that did not save it" in " ".join(
        capsys.readouterr().out.split()
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [({"colour": 1}, "by another version of MotionFit.*colour"), ({"mean": [0.5] * 3}, "needs an")],
)
def test_a_file_that_says_something_else_is_refused(tmp_path, model, change, message):
    content = torch.load(model, weights_only=True)
    content["about"] |= change
    torch.save(content, tmp_path / "new.pt")
    with pytest.raises(MotionFitError, match=message):
        load(tmp_path / "new.pt")


def test_an_evaluation_keeps_the_versions_that_trained_the_model(tmp_path, model):
    """It saves the model again, with the number of clips."""
    network, about = load_model(model)
    save_model(network, replace(about, versions={"motionfit": "0.0.1"}), tmp_path / "m.pt")
    assert load_model(tmp_path / "m.pt")[1].versions == {"motionfit": "0.0.1"}
