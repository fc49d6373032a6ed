"""The model as Python code uses it, and what its file says."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from motionfit import load
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
