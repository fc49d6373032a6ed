import math

import pytest
import torch

from motionfit.config import Training
from motionfit.models import build_network
from motionfit.training.losses import NO_ORDER, clip_order_loss, mixed_loss, multi_clip_loss
from motionfit.training.objective import ClipOrderHead, Objective


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
    # An order that can't be told counts for nothing, and all of them are no division by zero.
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


def test_the_multi_clip_loss_alone_has_no_head():
    network = build_network("r2plus1d_small", "flow", 3, seed=0)
    clips = torch.randint(0, 255, (2, 3, 4, 16, 16, 2), dtype=torch.uint8)
    flips = torch.zeros(2, 3, dtype=torch.bool)
    plain = Objective(network, "flow", Training(multi_clip_weight=1))
    logits, order_logits = plain(clips, flips)
    assert logits.shape == (2, 3, 3)
    assert order_logits is None
    assert plain.state_dict().keys() == {f"network.{name}" for name in network.state_dict()}
    mixed = Objective(network, "flow", Training(multi_clip_weight=0.5))
    labels, orders = torch.zeros(2, 3, dtype=torch.int64), torch.tensor([0, 5])
    logits, order_logits = mixed(clips, flips)
    expected = 0.5 * multi_clip_loss(logits, labels) + 0.5 * clip_order_loss(order_logits, orders)
    torch.testing.assert_close(mixed.loss(logits, labels, order_logits, orders), expected)
