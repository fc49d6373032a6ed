"""Weights in the format in which torchvision publishes them."""

import hashlib
import logging
from pathlib import Path

import pytest
import torch
from torchvision.models import video

from motionfit.config import AppearanceModel, Network
from motionfit.errors import MotionFitError
from motionfit.modality import RGB_MEAN, RGB_STD
from motionfit.models import Learned, build_network, load_model, save_model, starting_network
from motionfit.models.pretrained import PUBLISHED, load_weights, read_state
from motionfit.models.s3d import SelfGating
from motionfit.stages.random_model import random_model
from tests.videos import described


@pytest.fixture(scope="module")
def theirs():
    """torchvision's networks, with batch statistics that differ from the initial ones."""
    networks = {}
    for name in PUBLISHED:
        torch.manual_seed(0)
        network = getattr(video, name)(weights=None, num_classes=7).eval()
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm3d):
                module.running_mean.normal_(std=0.1)
                module.running_var.uniform_(0.5, 2)
        networks[name] = network
    return networks


@pytest.fixture(scope="module")
def files(theirs, tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("weights")
    for name, network in theirs.items():
        torch.save(network.state_dict(), folder / f"{name}.pth")
    return {name: folder / f"{name}.pth" for name in theirs}


@pytest.mark.parametrize("name", ["r2plus1d_18", "r3d_18"])
def test_residual_networks_see_what_torchvisions_see(name, theirs, files):
    recipe = Network(backbone=name, weights=files[name])
    ours = starting_network(recipe, "frames", 5, seed=1).eval()
    clips = torch.randn(2, 3, 4, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(theirs[name].fc(ours.features(clips)), theirs[name](clips))
        assert ours(clips).shape == (2, 5)
    fresh = build_network(name, "frames", 5, seed=1)
    assert torch.equal(ours.fc.weight, fresh.fc.weight)


def test_s3d_sees_what_torchvisions_sees(theirs, files):
    ours = starting_network(Network(backbone="s3d", weights=files["s3d"]), "frames", 5, seed=1)
    clips = torch.randn(2, 3, 8, 64, 64)
    with torch.no_grad():
        expected = theirs["s3d"].features(clips)
        torch.testing.assert_close(ours.eval().feature_map(clips), expected)


def test_s3d_g_with_open_gates_is_s3d(theirs, files, caplog):
    caplog.set_level(logging.INFO)
    ours = starting_network(Network(backbone="s3d_g", weights=files["s3d"]), "frames", 5, seed=1)
    assert "gates, which s3d does not have, start open" in caplog.text
    clips = torch.randn(2, 3, 8, 64, 64)
    gates = [m for m in ours.modules() if isinstance(m, SelfGating)]
    with torch.no_grad():
        expected = theirs["s3d"].features(clips)
        assert not torch.allclose(ours.eval().feature_map(clips), expected)
        for gate in gates:
            x = torch.randn(1, gate.fc.in_features, 2, 3, 3)
            torch.testing.assert_close(gate(x), x * 0.982, atol=1e-3, rtol=0)
            gate.fc.bias.fill_(100)
        torch.testing.assert_close(ours.feature_map(clips), expected)


def test_files_from_before_batches_were_counted(theirs, tmp_path):
    state = {
        name: tensor
        for name, tensor in theirs["r3d_18"].state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    torch.save(state, tmp_path / "old.pth")
    ours = build_network("r3d_18", "frames", 5, seed=1)
    load_weights(ours, "r3d_18", tmp_path / "old.pth")
    assert torch.equal(ours.layer4[1].conv2[0].weight, state["layer4.1.conv2.0.weight"])


def refusal(backbone: str, path: Path, modality: str = "frames") -> str:
    network = build_network(backbone, modality, 5, seed=1)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with pytest.raises(MotionFitError) as error:
        load_weights(network, backbone, path)
    after = network.state_dict()
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())
    assert str(path) in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("backbone", "held", "part"),
    [
        ("r2plus1d_18", "r3d_18", "tensors are missing"),
        ("r3d_18", "s3d", "tensors do not belong to it, such as features.0.0.0.weight"),
        ("s3d_g", "r2plus1d_18", "tensors are missing, such as features.0.0.0.weight"),
    ],
)
def test_weights_of_another_backbone(files, backbone, held, part):
    text = refusal(backbone, files[held])
    assert f"does not contain weights of {backbone}: " in text
    assert part in text
    assert f"It contains those of {held}: use that backbone" in text


def test_weights_of_no_backbone_there_is(theirs, tmp_path, files):
    state = theirs["s3d"].state_dict()
    first = "features.0.0.0.weight"
    path = tmp_path / "other.pth"
    torch.save({**state, first: torch.zeros(64, 2, 1, 7, 7)}, path)
    text = refusal("s3d_g", path)
    assert (
        f"1 have another shape, such as {first} (64, 2, 1, 7, 7) instead of (64, 3, 1, 7, 7)"
        in text
    )
    assert "Give the state dict of torchvision.models.video.s3d." in text
    torch.save({**state, "features.9.extra": torch.zeros(1)}, path)
    assert "1 tensors do not belong to it, such as features.9.extra" in refusal("s3d", path)
    assert "stem.0.weight" in refusal("r3d_18", files["r3d_18"], modality="flow")


def test_what_is_no_weight_file(theirs, tmp_path):
    assert "there is no weight file" in refusal("r3d_18", tmp_path / "no.pth")
    (tmp_path / "text.pth").write_text("no weights")
    torch.save({"epoch": 3, "model": theirs["s3d"].state_dict()}, tmp_path / "checkpoint.pth")
    torch.save([torch.zeros(1)], tmp_path / "list.pth")
    torch.save({}, tmp_path / "empty.pth")
    own = build_network("r3d_18", "frames", 2, seed=1)
    save_model(own, described("frames", ["a", "b"], 8, [32, 48], 28), tmp_path / "model.pt")
    for name in ("text.pth", "checkpoint.pth", "list.pth", "empty.pth", "model.pt"):
        text = refusal("r3d_18", tmp_path / name)
        assert f"{name} is not a weight file in torchvision's format" in text
        assert "torch.save(network.state_dict(), FILE)" in text


def test_a_model_that_is_saved_as_it_starts(theirs, files, tmp_path):
    network = Network(backbone="r3d_18", weights=files["r3d_18"])
    recipe = AppearanceModel(pseudo_labels=None, network=network)
    random_model(recipe=recipe, output=tmp_path / "model.pt")
    loaded, about = load_model(tmp_path / "model.pt")
    assert about.learned == Learned.OTHER_LABELS
    name = files["r3d_18"].name
    assert about.history == [f"weights of {name}"]
    assert about.licence == f"started from {name}; see its licence"
    assert torch.equal(loaded.stem[0].weight, theirs["r3d_18"].stem[0].weight)
    plain = recipe.model_copy(update={"network": Network(backbone="r3d_18")})
    random_model(recipe=plain, output=tmp_path / "plain.pt")
    assert load_model(tmp_path / "plain.pt")[1].learned == Learned.NOTHING


@pytest.mark.parametrize("name", ["R2Plus1D_18_Weights", "R3D_18_Weights", "S3D_Weights"])
def test_rgb_is_normalised_as_torchvisions_networks_have_it(name):
    transforms = getattr(video, name).DEFAULT.transforms()
    assert (tuple(transforms.mean), tuple(transforms.std)) == (RGB_MEAN, RGB_STD)


def test_a_published_file_is_what_its_name_says(files, tmp_path):
    content = files["r3d_18"].read_bytes()
    good = tmp_path / f"r3d_18-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    good.write_bytes(content)
    read_state(good)
    bad = tmp_path / "r3d_18-b3b3357e.pth"
    bad.write_bytes(content)
    with pytest.raises(MotionFitError, match=r"SHA-256 .* download it again"):
        read_state(bad)
