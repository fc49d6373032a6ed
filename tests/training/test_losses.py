import math

import torch

from motionfit.training.losses import multi_clip_loss


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
