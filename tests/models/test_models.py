import pytest
import torch
from torchvision.models.video import r2plus1d_18

from motionfit.errors import MotionFitError
from motionfit.models import SavedModel, build_network, load_model, save_model


def about(modality: str = "frames", backbone: str = "r2plus1d_small") -> SavedModel:
    return SavedModel(backbone, modality, ["a", "b", "c"], 8, [32, 48], 28, None, "labels", 1, "{}")


def test_r2plus1d_18_is_torchvisions():
    ours = build_network("r2plus1d_18", "frames", 400, seed=0)
    theirs = r2plus1d_18(weights=None)
    ours.load_state_dict(theirs.state_dict())  # the same names and shapes
    clips = torch.randn(1, 3, 4, 32, 32)
    with torch.no_grad():
        assert torch.equal(ours.eval()(clips), theirs.eval()(clips))


def test_the_small_one_is_of_the_same_family():
    small = build_network("r2plus1d_small", "frames", 5, seed=0)
    large = build_network("r2plus1d_18", "frames", 5, seed=0)
    assert [n for n, _ in small.named_children()] == [n for n, _ in large.named_children()]
    assert sum(p.numel() for p in small.parameters()) < 1e6


@pytest.mark.parametrize(("modality", "channels"), [("frames", 3), ("flow", 2)])
@pytest.mark.parametrize("backbone", ["r2plus1d_18", "r2plus1d_small"])
def test_logits_and_features(backbone, modality, channels):
    network = build_network(backbone, modality, 5, seed=0).eval()
    clips = torch.randn(2, channels, 8, 32, 32)
    with torch.no_grad():
        features = network.features(clips)
        assert features.shape == (2, network.fc.in_features)
        assert torch.allclose(network(clips), network.fc(features), atol=1e-5)
        assert torch.allclose(network.feature_map(clips).mean(dim=(2, 3, 4)), features, atol=1e-5)


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
    assert described == about("flow")
    assert not loaded.training
    clips = torch.randn(2, 2, 8, 28, 28)
    with torch.no_grad():
        assert torch.equal(loaded(clips), network.eval()(clips))


def test_what_is_no_model_is_refused_in_one_line(tmp_path):
    (tmp_path / "text.pt").write_text("no model")
    torch.save({"weights": {}}, tmp_path / "other.pt")
    for name in ("text.pt", "other.pt"):
        with pytest.raises(MotionFitError, match=f"{name} is no model"):
            load_model(tmp_path / name)
    with pytest.raises(MotionFitError, match=r"no model at .*missing\.pt"):
        load_model(tmp_path / "missing.pt")
