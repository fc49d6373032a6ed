import math

import pytest
import torch

from motionfit.clips.encoding import DecodedClips
from motionfit.clips.transforms import network_input
from motionfit.config import FineTuning, SelfTraining, Training
from motionfit.config import Mers as MersRecipe
from motionfit.models import build_network
from motionfit.training.data import Batch
from motionfit.training.losses import (
    NO_ORDER,
    clip_order_loss,
    mars_loss,
    mixed_loss,
    multi_clip_loss,
)
from motionfit.training.objective import ClipLosses, ClipOrderHead, Mars, Mers, Teacher


def test_equation_1_by_hand():
    # Two videos of two clips, three classes: -log softmax at the label, averaged over clips and
    # videos.
    logits = torch.tensor([[[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]], [[5.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    labels = torch.tensor([[2, 2], [0, 0]])
    by_hand = 0.0
    for b in range(2):
        clips = 0.0
        for r in range(2):
            scores = [math.exp(v) for v in logits[b, r].tolist()]
            clips += -math.log(scores[labels[b, r]] / sum(scores))
        by_hand += clips / 2 / 2
    assert math.isclose(multi_clip_loss(logits, labels).item(), by_hand, rel_tol=1e-6)


def test_clips_of_a_video_may_have_labels_of_their_own():
    logits = torch.tensor([[[9.0, 0.0], [0.0, 9.0]]])
    right, wrong = torch.tensor([[0, 1]]), torch.tensor([[1, 0]])
    assert multi_clip_loss(logits, right) < 0.01
    assert multi_clip_loss(logits, wrong) > 8


def test_equation_2_by_hand():
    logits = torch.tensor([[1.0, 2.0, 0.0, 0.0, 0.0, 0.0], [3.0, 0.0, 0.0, 0.0, 0.0, 1.0]])
    scores = [[math.exp(v) for v in row] for row in logits.tolist()]
    first, second = (-math.log(row[k] / sum(row)) for row, k in zip(scores, (1, 5), strict=True))
    loss = clip_order_loss(logits, torch.tensor([1, 5]))
    assert math.isclose(loss.item(), (first + second) / 2, rel_tol=1e-6)
    # An unknown order is ignored; if all are unknown, there is no division by zero.
    loss = clip_order_loss(logits, torch.tensor([1, NO_ORDER]))
    assert math.isclose(loss.item(), first, rel_tol=1e-6)
    assert clip_order_loss(logits, torch.tensor([NO_ORDER, NO_ORDER])).item() == 0


def test_equation_3_is_equation_1_or_2_at_its_ends():
    assert mixed_loss(torch.tensor(2.0), torch.tensor(5.0), 1.0) == 2
    assert mixed_loss(torch.tensor(2.0), torch.tensor(5.0), 0.0) == 5
    assert mixed_loss(torch.tensor(2.0), torch.tensor(5.0), 0.25) == pytest.approx(4.25)


@pytest.mark.parametrize(("clips", "orders", "pairs"), [(2, 2, 1), (3, 6, 3), (4, 24, 6)])
def test_the_head_has_an_output_for_each_permutation_and_sees_every_pair(clips, orders, pairs):
    head = ClipOrderHead(5, clips).eval()
    features = torch.randn(7, clips, 5, requires_grad=True)
    logits = head(features)
    assert logits.shape == (7, orders)
    assert len(head.pairs) == pairs
    logits[:, 0].sum().backward()
    assert (features.grad.abs().sum(dim=(0, 2)) > 0).all()
    shuffled = head(features.flip(1))
    assert not torch.allclose(shuffled, logits)


def batch(classes: int = 3) -> Batch:
    """Two videos of three clips of flow."""
    generator = torch.Generator().manual_seed(0)
    clips = torch.randint(0, 255, (2, 3, 4, 16, 16, 2), dtype=torch.uint8, generator=generator)
    return Batch(
        DecodedClips(clips),
        flips=torch.tensor([[False, True, False], [True, False, False]]),
        labels=torch.randint(0, classes, (2, 3), generator=generator),
        neighbour_labels=torch.tensor([[[-1, 1], [0, 2], [1, -1]], [[-1, -1]] * 3]),
        order=torch.tensor([0, 5]),
        changes=torch.zeros(2, 3, 0),
    )


@pytest.fixture
def network():
    return build_network("r2plus1d_small", "flow", 3, seed=0).eval()


def test_the_multi_clip_loss_alone_has_no_other_heads(network):
    plain = ClipLosses(network, "flow", Training(multi_clip_weight=1), 3)
    assert plain.state_dict().keys() == {f"network.{name}" for name in network.state_dict()}
    loss, counts = plain(batch())
    logits = network.fc(plain.features(batch()))
    torch.testing.assert_close(loss, multi_clip_loss(logits, batch().labels))
    right = (logits.argmax(-1) == batch().labels).sum()
    assert counts["accuracy"].tolist() == [right, 6]


def test_any_lambda_mixes_the_two_losses(network):
    for weight in (0.0, 0.25, 0.5):
        mixed = ClipLosses(
            network, "flow", Training(multi_clip_weight=weight, clip_gap=8), 3
        ).eval()
        features = mixed.features(batch())
        labels = multi_clip_loss(network.fc(features), batch().labels)
        order = clip_order_loss(mixed.order_head(features), batch().order)
        loss, counts = mixed(batch())
        torch.testing.assert_close(loss, weight * labels + (1 - weight) * order)
        assert set(counts) == ({"accuracy", "order_accuracy"} if weight else {"order_accuracy"})


@pytest.mark.parametrize(("reduction", "share"), [("sum", 1), ("mean", 3)])
def test_neighbour_labels_by_hand(network, reduction, share):
    objective = ClipLosses(network, "flow", SelfTraining(neighbours=reduction), 3)
    assert objective.neighbour_head.out_features == 6
    features = objective.features(batch())
    logits = objective.neighbour_head(features)
    before, after = logits[0].split(3, dim=-1)

    def cross_entropy(rows, labels):
        return -sum(row.log_softmax(0)[k] for row, k in zip(rows, labels, strict=True)) / len(
            labels
        )

    own = multi_clip_loss(network.fc(features), batch().labels)
    # The second video has no neighbours; the first clip has none before it, the last none after.
    expected = (own + cross_entropy(before[1:], [0, 1]) + cross_entropy(after[:2], [1, 2])) / share
    loss, counts = objective(batch())
    torch.testing.assert_close(loss, expected)
    assert counts["neighbour_accuracy"][1] == 4
    nothing = batch()._replace(neighbour_labels=torch.full((2, 3, 2), -1))
    torch.testing.assert_close(objective(nothing)[0], own / share)


@pytest.fixture
def student():
    return build_network("r2plus1d_small", "frames", 3, seed=1).eval()


@pytest.fixture
def pair(network):
    """RGB clips with their flow."""
    clips = torch.randint(0, 255, (2, 3, 4, 16, 16, 3), dtype=torch.uint8)
    return batch()._replace(clips=DecodedClips(clips), teacher_clips=batch().clips)


def test_mars_by_hand():
    features = torch.tensor([[[1.0, 2.0], [0.0, 0.0]]])
    teacher = torch.tensor([[[1.0, 0.0], [1.0, 0.0]]])
    # Squared differences 0, 4, 1, 0: their mean is 1.25.
    loss = mars_loss(torch.tensor(0.5), features, teacher, 50)
    assert loss.item() == pytest.approx(0.5 + 50 * 1.25)


def test_mars_is_the_labels_and_the_features_of_the_teacher(student, network, pair):
    mars = Mars(student, FineTuning(), 3, Teacher(network), 50)
    features = student.features(
        network_input(pair.clips.pixels.flatten(0, 1), "frames", pair.flips.flatten())
    )
    wanted = network.features(
        network_input(pair.teacher_clips.pixels.flatten(0, 1), "flow", pair.flips.flatten())
    )
    expected = multi_clip_loss(student.fc(features)[:, None], pair.labels.flatten()[:, None])
    expected = expected + 50 * (features - wanted).square().mean()
    loss, counts = mars(pair)
    torch.testing.assert_close(loss, expected)
    assert counts["accuracy"][1] == 6


def test_mers_is_the_features_of_the_teacher_alone(student, network, pair):
    mers = Mers(student, Teacher(network), MersRecipe(motion_model="m", dataset="d", weight=7))
    loss, counts = mers(pair)
    features = student.features(
        network_input(pair.clips.pixels.flatten(0, 1), "frames", pair.flips.flatten())
    )
    wanted = mers.teacher(pair).flatten(0, 1)
    torch.testing.assert_close(loss, 7 * (features - wanted).square().mean())
    assert counts == {}
    other = mers(pair._replace(labels=2 - pair.labels))[0]
    assert torch.equal(loss, other)


def test_a_teacher_learns_nothing(student, network, pair):
    mers = Mers(
        student, Teacher(network), MersRecipe(motion_model="m", dataset="d", weight=1)
    ).train()
    assert student.training
    assert not any(module.training for module in mers.teacher.modules())
    mers(pair)[0].backward()
    assert student.layer4[0].conv1[0][0].weight.grad.abs().sum() > 0
    assert all(p.grad is None and not p.requires_grad for p in network.parameters())
