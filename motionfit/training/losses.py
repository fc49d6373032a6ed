"""The paper's losses."""

import torch
from torch import Tensor
from torch.nn import functional as F

NO_ORDER = -1
"""Order of clips that can't be told apart, as of a video that is shorter than one clip."""
NO_LABEL = -1
"""Label of what is not there, as of the clip before a video's first."""


def multi_clip_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Eq. 1: cross-entropy averaged over the R clips of a video, and over the batch.

    logits: (B, R, K). labels: (B, R) int64; a video's label repeated, or a label a clip.
    """
    return F.cross_entropy(logits.flatten(0, 1), labels.flatten())


def clip_order_loss(logits: Tensor, orders: Tensor) -> Tensor:
    """Eq. 2: cross-entropy of the permutation that the R clips of a video are in.

    logits: (B, R!). orders: (B,) int64, the permutation's place among `permutations(range(R))`, or
    NO_ORDER, which counts for nothing.
    """
    total = F.cross_entropy(logits, orders, ignore_index=NO_ORDER, reduction="sum")
    return total / (orders != NO_ORDER).sum().clamp(min=1)


def neighbour_loss(own: Tensor, around: Tensor, labels: Tensor) -> Tensor:
    """The mean of three cross-entropies: of the clip's own pseudo-label (Eq. 1, its value `own`),
    and of those before and after it.

    around: (B, R, 2, K). labels: (B, R, 2) int64, or NO_LABEL, which counts for nothing.
    """
    parts = [own]
    for side in range(2):
        logits, wanted = around[:, :, side].flatten(0, 1), labels[:, :, side].flatten()
        total = F.cross_entropy(logits, wanted, ignore_index=NO_LABEL, reduction="sum")
        parts.append(total / (wanted != NO_LABEL).sum().clamp(min=1))
    return torch.stack(parts).mean()


def mars_loss(cross_entropy: Tensor, features: Tensor, teacher: Tensor, weight: float) -> Tensor:
    """MARS (Crasto et al. 2019): cross-entropy + weight * MSE of the features and the teacher's,
    (B, R, D) each; the mean is over all of them."""
    return cross_entropy + weight * F.mse_loss(features, teacher)


def mixed_loss(multi_clip: Tensor, clip_order: Tensor, weight: float) -> Tensor:
    """Eq. 3: weight * L_mc + (1 - weight) * L_co; the paper's λ is the weight."""
    return weight * multi_clip + (1 - weight) * clip_order
