"""The paper's losses."""

import torch
from torch import Tensor
from torch.nn import functional as F

NO_ORDER = -1
"""Order of clips that can't be told apart, as of a video that is shorter than one clip."""
NO_LABEL = -1
"""Label of what is not there, as of the clip before a video's first."""


def multi_clip_loss(logits: Tensor, labels: Tensor, count: Tensor | None = None) -> Tensor:
    """Eq. 1: cross-entropy averaged over the R clips of a video, and over the batch.

    logits: (B, R, K). labels: (B, R) int64; a video's label repeated, or a label a clip. count: the
    clips of the batch that these are a part of, where they are one; the parts' losses then add up
    to that of the batch. So it is in the other losses.
    """
    return _mean_cross_entropy(logits.flatten(0, 1), labels.flatten(), NO_LABEL, count)


def clip_order_loss(logits: Tensor, orders: Tensor, count: Tensor | None = None) -> Tensor:
    """Eq. 2: cross-entropy of the permutation that the R clips of a video are in.

    logits: (B, R!). orders: (B,) int64, the permutation's place among `permutations(range(R))`, or
    NO_ORDER, which counts for nothing.
    """
    return _mean_cross_entropy(logits, orders, NO_ORDER, count)


def neighbour_loss(
    own: Tensor,
    around: Tensor,
    labels: Tensor,
    counts: tuple[Tensor | None, Tensor | None] = (None, None),
    reduction: str = "sum",
) -> Tensor:
    """Three cross-entropies: of the clip's own pseudo-label (Eq. 1, its value `own`), and of those
    before and after it; their `sum`, as in the paper (section 4.4), or their `mean`.

    around: (B, R, 2, K). labels: (B, R, 2) int64, or NO_LABEL, which counts for nothing.
    """
    parts = [
        _mean_cross_entropy(
            around[:, :, side].flatten(0, 1), labels[:, :, side].flatten(), NO_LABEL, counts[side]
        )
        for side in range(2)
    ]
    losses = torch.stack([own, *parts])
    return losses.sum() if reduction == "sum" else losses.mean()


def _mean_cross_entropy(
    logits: Tensor, wanted: Tensor, nothing: int, count: Tensor | None
) -> Tensor:
    total = F.cross_entropy(logits, wanted, ignore_index=nothing, reduction="sum")
    return total / ((wanted != nothing).sum() if count is None else count).clamp(min=1)


def feature_loss(features: Tensor, teacher: Tensor, count: Tensor | None = None) -> Tensor:
    """The mean squared difference of the features and the teacher's, (B, R, D) each: the loss of
    MERS (Crasto et al. 2019) but for its weight."""
    total = F.mse_loss(features, teacher, reduction="sum")
    clips = torch.tensor(features.shape[:2].numel()) if count is None else count
    return total / (clips * features.shape[-1]).clamp(min=1)


def mars_loss(
    cross_entropy: Tensor,
    features: Tensor,
    teacher: Tensor,
    weight: float,
    count: Tensor | None = None,
) -> Tensor:
    """MARS (Crasto et al. 2019): cross-entropy + weight * the features' loss."""
    return cross_entropy + weight * feature_loss(features, teacher, count)


def mixed_loss(multi_clip: Tensor, clip_order: Tensor, weight: float) -> Tensor:
    """Eq. 3: weight * L_mc + (1 - weight) * L_co; the paper's λ is the weight."""
    return weight * multi_clip + (1 - weight) * clip_order
