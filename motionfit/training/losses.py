"""The paper's losses."""

from torch import Tensor
from torch.nn import functional as F


def multi_clip_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Eq. 1: cross-entropy averaged over the R clips of a video, and over the batch.

    logits: (B, R, K). labels: (B, R) int64; a video's label repeated, or a label a clip.
    """
    return F.cross_entropy(logits.flatten(0, 1), labels.flatten())
