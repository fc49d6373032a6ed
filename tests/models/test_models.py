from typing import get_args

import pytest
import torch
from torchvision.models.video import r2plus1d_18, r3d_18, s3d

from motionfit.config import BACKBONES, Network
from motionfit.errors import MotionFitError
from motionfit.modality import Modality
from motionfit.models import Learned, SavedModel, build_network, load_model, save_model
from motionfit.models.s3d import SelfGating


def about(modality: Modality = Modality.FRAMES, backbone: str = "r2plus1d_small") -> SavedModel:
    return SavedModel(
        backbone=backbone,
        modality=modality,
        classes=["a", "b", "c"],
        clip_length=8,
        frame_size=[32, 48],
        crop=28,
        quality=95,
        rate=12.0,
        learned=Learned.LABELS,
        split=1,
        recipe="{}",
    )


@pytest.mark.parametrize(("name", "theirs"), [("r2plus1d_18", r2plus1d_18), ("r3d_18", r3d_18)])
def test_residual_networks_are_torchvisions(name, theirs):
    ours, theirs = build_network(name, "frames", 400, seed=0), theirs(weights=None)
    ours.load_state_dict(theirs.state_dict())  # the same names and shapes
    clips = torch.randn(1, 3, 4, 32, 32)
    with torch.no_grad():
        assert torch.equal(ours.eval()(clips), theirs.eval()(clips))


def test_s3d_is_torchvisions():
    ours, theirs = build_network("s3d", "frames", 10, seed=0), s3d(weights=None, num_classes=10)
    values = list(theirs.state_dict().values())
    values[-2] = values[-2][:, :, 0, 0, 0]  # their classifier is a convolution
    ours.load_state_dict(dict(zip(ours.state_dict(), values, strict=True)))
    clips = torch.randn(2, 3, 16, 224, 224)  # of so few frames torchvision's pooling is the mean
    with torch.no_grad():
        torch.testing.assert_close(ours.eval()(clips), theirs.eval()(clips))


def test_s3d_g_weighs_the_channels_of_every_branch_by_the_whole_clip():
    network = build_network("s3d_g", "frames", 5, seed=0).eval()
    gates = [module for module in network.modules() if isinstance(module, SelfGating)]
    assert len(gates) == 1 + 9 * 4  # the second separable convolution, and nine Mixed blocks
    plain = build_network("s3d", "frames", 5, seed=0).eval()
    clips = torch.randn(2, 3, 8, 32, 32)
    shared = [p for name, p in network.state_dict().items() if not is_gate(name, network)]
    plain.load_state_dict(dict(zip(plain.state_dict(), shared, strict=True)))
    with torch.no_grad():
        assert not torch.allclose(network(clips), plain(clips))
        for gate in gates:  # open gates are no gates
            gate.fc.weight.zero_()
            gate.fc.bias.fill_(100)
        torch.testing.assert_close(network(clips), plain(clips))
        x = torch.randn(2, 64, 3, 4, 5)
        gate = SelfGating(64)
        weights = torch.sigmoid(gate.fc(x.mean(dim=(2, 3, 4))))
        torch.testing.assert_close(gate(x), x * weights[:, :, None, None, None])


def is_gate(name: str, network) -> bool:
    """Whether a parameter belongs to a gate."""
    owner = network.get_submodule(name.rsplit(".", 2)[0])
    return isinstance(owner, SelfGating)


def test_the_small_one_is_of_the_same_family():
    small = build_network("r2plus1d_small", "frames", 5, seed=0)
    large = build_network("r2plus1d_18", "frames", 5, seed=0)
    assert [n for n, _ in small.named_children()] == [n for n, _ in large.named_children()]
    assert sum(p.numel() for p in small.parameters()) < 1e6


@pytest.mark.parametrize(("modality", "channels"), [("frames", 3), ("flow", 2)])
@pytest.mark.parametrize("backbone", BACKBONES)
def test_logits_features_and_last_layers(backbone, modality, channels):
    network = build_network(backbone, modality, 5, seed=0).eval()
    clips = torch.randn(2, channels, 8, 32, 32)
    with torch.no_grad():
        features = network.features(clips)
        assert network(clips).shape == (2, 5)
        assert torch.allclose(network(clips), network.fc(features), atol=1e-5)
        assert torch.allclose(network.feature_map(clips).mean(dim=(2, 3, 4)), features, atol=1e-5)
    children = list(network.children())
    assert all(any(layer is child for child in children) for layer in network.last_layers())
    assert network.fc in network.last_layers()


def test_the_config_knows_every_backbone():
    assert get_args(Network.model_fields["backbone"].annotation) == tuple(BACKBONES)


def test_weights_follow_from_the_seed_and_leave_the_callers_random_state_alone():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first = build_network("r2plus1d_small", "flow", 5, seed=1)
    assert torch.equal(torch.rand(1), expected)
    same = build_network("r2plus1d_small", "flow", 5, seed=1)
    other = build_network("r2plus1d_small", "flow", 5, seed=2)
    assert torch.equal(first.stem[0].weight, same.stem[0].weight)
    assert not torch.equal(first.stem[0].weight, other.stem[0].weight)


def test_a_model_comes_back_as_it_was_saved(tmp_path):
    network = build_network("r2plus1d_small", "flow", 3, seed=0)
    save_model(network, about("flow"), tmp_path / "model.pt")
    loaded, described = load_model(tmp_path / "model.pt")
    assert described == about("flow").completed()
    assert not loaded.training
    clips = torch.randn(2, 2, 8, 28, 28)
    with torch.no_grad():
        assert torch.equal(loaded(clips), network.eval()(clips))


def test_what_is_no_model_is_refused_in_one_line(tmp_path):
    (tmp_path / "text.pt").write_text("no model")
    torch.save({"weights": {}}, tmp_path / "other.pt")
    for name in ("text.pt", "other.pt"):
        with pytest.raises(MotionFitError, match=f"{name} is not a model"):
            load_model(tmp_path / name)
    with pytest.raises(MotionFitError, match=r"no model at .*missing\.pt"):
        load_model(tmp_path / "missing.pt")


def test_a_model_is_the_same_file_whenever_it_is_saved(tmp_path):
    network = build_network("r2plus1d_small", "flow", 3, seed=0)
    for name in ("a", "b"):
        save_model(network, about("flow"), tmp_path / name / "model.pt")
    assert (tmp_path / "a/model.pt").read_bytes() == (tmp_path / "b/model.pt").read_bytes()


@pytest.mark.parametrize("flipped", [False, True])
def test_a_damaged_model_is_named(tmp_path, flipped):
    path = tmp_path / "model.pt"
    save_model(build_network("r2plus1d_small", "flow", 3, seed=0), about("flow"), path)
    content = bytearray(path.read_bytes())
    if flipped:
        content[len(content) // 2] ^= 1
    else:
        del content[-100:]
    path.write_bytes(content)
    if flipped:
        torch.load(path, weights_only=True)  # of which PyTorch takes no notice
    with pytest.raises(MotionFitError, match=r"model\.pt is damaged .* delete it and run again"):
        load_model(path)


class Malice:
    def __reduce__(self):
        return exec, ("raise SystemExit('code of a file was run')",)


def test_a_model_file_can_run_no_code(tmp_path):
    torch.save({"about": Malice(), "weights": {}}, tmp_path / "model.pt")
    with pytest.raises(MotionFitError, match="is not a model"):
        load_model(tmp_path / "model.pt")
