"""The losses of the paper.

The optional `count` of a loss is what the loss is divided by. For a part of a batch, give the count
of the whole batch; the losses of the parts then add up to that of the batch.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

NO_ORDER = -1
"""Order of clips that are not all different, as in a video shorter than a clip. Ignored."""
NO_LABEL = -1
"""Label of a window that does not exist, as before the first one of a video. Ignored."""


def multi_clip_loss(
    logits: Tensor, labels: Tensor, count: Tensor | None = None, smoothing: float = 0.0
) -> Tensor:
    """Eq. 1: cross-entropy averaged over the R clips of a video and over the batch.

    logits: (B, R, K). labels: (B, R) int64. count: number of clips. smoothing: part of each label
    that is spread evenly over all classes (Szegedy et al. 2016), which the paper does not do.
    """
    return _mean_cross_entropy(logits.flatten(0, 1), labels.flatten(), NO_LABEL, count, smoothing)


def clip_order_loss(logits: Tensor, orders: Tensor, count: Tensor | None = None) -> Tensor:
    """Eq. 2: cross-entropy of the permutation of the R clips of a video.

    logits: (B, R!). orders: (B,) int64, an index into `permutations(range(R))`, or NO_ORDER. count:
    number of videos with an order.
    """
    return _mean_cross_entropy(logits, orders, NO_ORDER, count)


def neighbour_loss(
    clip_loss: Tensor,
    logits: Tensor,
    labels: Tensor,
    counts: tuple[Tensor | None, Tensor | None] = (None, None),
    reduction: str = "sum",
) -> Tensor:
    """The cross-entropy of the pseudo-label of a clip (`clip_loss`, Eq. 1) combined with those of
    the pseudo-labels before and after it: their `sum`, as in the paper (section 4.4), or their
    `mean`.

    logits: (B, R, 2, K). labels: (B, R, 2) int64, or NO_LABEL. counts: numbers of clips with a
    label before and with one after.
    """
    neighbour_losses = [
        _mean_cross_entropy(
            logits[:, :, side].flatten(0, 1), labels[:, :, side].flatten(), NO_LABEL, counts[side]
        )
        for side in range(2)
    ]
    losses = torch.stack([clip_loss, *neighbour_losses])
    return losses.sum() if reduction == "sum" else losses.mean()


def _mean_cross_entropy(
    logits: Tensor, targets: Tensor, ignored: int, count: Tensor | None, smoothing: float = 0.0
) -> Tensor:
    total = F.cross_entropy(
        logits, targets, ignore_index=ignored, reduction="sum", label_smoothing=smoothing
    )
    return total / ((targets != ignored).sum() if count is None else count).clamp(min=1)


def feature_loss(features: Tensor, teacher: Tensor, count: Tensor | None = None) -> Tensor:
    """The loss of MERS (Crasto et al. 2019) without its weight: the mean squared difference between
    the features of the network and those of the teacher, (B, R, D) each. count: number of clips."""
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
    """MARS (Crasto et al. 2019): cross-entropy + weight * `feature_loss`."""
    return cross_entropy + weight * feature_loss(features, teacher, count)


def mixed_loss(multi_clip: Tensor, clip_order: Tensor, weight: float) -> Tensor:
    """Eq. 3: weight * L_mc + (1 - weight) * L_co; the weight is λ in the paper."""
    return weight * multi_clip + (1 - weight) * clip_order
