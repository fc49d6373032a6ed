"""The paper's losses."""

from torch import Tensor
from torch.nn import functional as F

NO_ORDER = -1
"""Order of clips that can't be told apart, as of a video that is shorter than one clip."""


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


def mixed_loss(multi_clip: Tensor, clip_order: Tensor, weight: float) -> Tensor:
    """Eq. 3: weight * L_mc + (1 - weight) * L_co; the paper's λ is the weight."""
    return weight * multi_clip + (1 - weight) * clip_order
