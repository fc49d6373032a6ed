"""What a training minimises: a network with the paper's losses on its outputs."""

from itertools import combinations
from math import factorial

import torch
from torch import Tensor, nn

from motionfit.config import Training
from motionfit.models.network import VideoNetwork
from motionfit.training.clips import network_input
from motionfit.training.losses import clip_order_loss, mixed_loss, multi_clip_loss


class ClipOrderHead(nn.Module):
    """Predicts the order of R clips from their features (Xu et al. 2019, which the paper takes it
    from): each pair's features through one layer, all pairs together through another.

    Takes features (B, R, D) and gives logits (B, R!), one a permutation.
    """

    def __init__(self, dim: int, clips: int):
        super().__init__()
        self.pairs = list(combinations(range(clips), 2))
        self.pair = nn.Sequential(nn.Linear(2 * dim, dim), nn.ReLU())
        self.order = nn.Sequential(
            nn.Dropout(0.5), nn.Linear(len(self.pairs) * dim, factorial(clips))
        )

    def forward(self, features: Tensor) -> Tensor:
        related = [
            self.pair(torch.cat([features[:, i], features[:, j]], dim=-1)) for i, j in self.pairs
        ]
        return self.order(torch.cat(related, dim=-1))


class Objective(nn.Module):
    """A network, and where the recipe mixes in clip order (Eq. 3), a head for that."""

    def __init__(self, network: VideoNetwork, modality: str, recipe: Training):
        super().__init__()
        self.network = network
        self.order_head: ClipOrderHead | None = None
        self._modality = modality
        self._weight = recipe.multi_clip_weight
        if self._weight < 1:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(recipe.seed)
                self.order_head = ClipOrderHead(network.dim, recipe.clips_per_video)

    def forward(self, clips: Tensor, flips: Tensor) -> tuple[Tensor, Tensor | None]:
        """Multi-clips (B, R, L, H, W, C) uint8 and whether they are mirrored (B, R), to logits
        (B, R, K) and those of the order (B, R!), None where it is no part of the loss."""
        x = network_input(clips.flatten(0, 1), self._modality, flips.flatten())
        features = self.network.features(x)
        logits = self.network.fc(features).unflatten(0, flips.shape)
        if self.order_head is None:
            return logits, None
        return logits, self.order_head(features.unflatten(0, flips.shape))

    def loss(
        self, logits: Tensor, labels: Tensor, order_logits: Tensor | None, orders: Tensor
    ) -> Tensor:
        """Eq. 1, or Eq. 3 where clip order is mixed in."""
        loss = multi_clip_loss(logits, labels)
        if order_logits is None:
            return loss
        return mixed_loss(loss, clip_order_loss(order_logits, orders), self._weight)
