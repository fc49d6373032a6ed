"""What a training minimises: a network with losses on its outputs."""

from itertools import combinations
from math import factorial

import torch
from torch import Tensor, nn

from motionfit.config import Training
from motionfit.models.network import CHANNELS, VideoNetwork
from motionfit.training.clips import network_input
from motionfit.training.losses import (
    NO_LABEL,
    NO_ORDER,
    clip_order_loss,
    feature_loss,
    mars_loss,
    mixed_loss,
    multi_clip_loss,
    neighbour_loss,
)

Batch = dict[str, Tensor]
"""What `MultiClips` gives, with a dimension B in front."""
Counts = dict[str, Tensor]
"""What the means of a loss are over: name to a number, those of a batch's parts adding up."""
Hits = dict[str, Tensor]
"""Name of an accuracy to (2,): how many are right, and of how many."""


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
    """A network, and the loss of a batch or of a part of one.

    `forward(batch, counts)` gives it with the accuracies to watch. `counts` are those of the whole
    batch, where this is a part of one: then the parts' losses, and their gradients, add up to the
    batch's.
    """

    def __init__(self, network: VideoNetwork, modality: str):
        super().__init__()
        self.network = network
        self._modality = modality

    def forward(self, batch: Batch, counts: Counts | None = None) -> tuple[Tensor, Hits]:
        raise NotImplementedError

    def counts(self, batch: Batch) -> Counts:
        """Over how many clips, and whatever else it is averaged over, a batch's loss is a mean."""
        return {"clips": torch.tensor(float(batch["flips"].numel()))}

    def features(self, batch: Batch) -> Tensor:
        """(B, R, D) of the batch's clips."""
        return features_of(self.network, batch["clips"], self._modality, batch["flips"])

    @torch.no_grad()
    def places(self, clip_length: int, crop: int) -> int:
        """Places in time and space that the network's last block sees of a clip."""
        device = next(self.network.parameters()).device
        clip = torch.zeros(1, CHANNELS[self._modality], clip_length, crop, crop, device=device)
        self.network.eval()
        return self.network.feature_map(clip).shape[2:].numel()


class ClipLosses(Objective):
    """The paper's losses: Eq. 1, or Eq. 3 where the recipe mixes in clip order. `neighbours`: how
    the losses of the pseudo-labels before and after a clip are joined to its own, where they are
    (`neighbour_loss`)."""

    def __init__(
        self,
        network: VideoNetwork,
        modality: str,
        recipe: Training,
        classes: int,
        neighbours: str | None = None,
    ):
        super().__init__(network, modality)
        self._weight = recipe.multi_clip_weight
        self._neighbours = neighbours
        self.order_head: ClipOrderHead | None = None
        self.around: nn.Linear | None = None
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            if self._weight < 1:
                self.order_head = ClipOrderHead(network.dim, recipe.clips_per_video)
            if neighbours:
                self.around = nn.Linear(network.dim, 2 * classes)

    def counts(self, batch: Batch) -> Counts:
        counts = super().counts(batch)
        if self.around is not None:
            before, after = (batch["around"] != NO_LABEL).sum(dim=(0, 1)).float()
            counts |= {"before": before, "after": after}
        if self.order_head is not None:
            counts["orders"] = (batch["order"] != NO_ORDER).sum().float()
        return counts

    def forward(self, batch: Batch, counts: Counts | None = None) -> tuple[Tensor, Hits]:
        return self.losses(self.features(batch), batch, counts or self.counts(batch))

    def losses(self, features: Tensor, batch: Batch, counts: Counts) -> tuple[Tensor, Hits]:
        """The loss of clips whose features (B, R, D) are known."""
        labels = batch["labels"]
        logits = self.network.fc(features.flatten(0, 1)).unflatten(0, labels.shape)
        loss = multi_clip_loss(logits, labels, counts["clips"])
        seen: Hits = {}
        if self._weight:
            seen["accuracy"] = hits(logits, labels, NO_LABEL)
        if self.around is not None:
            around = self.around(features).unflatten(-1, (2, -1))
            loss = neighbour_loss(
                loss,
                around,
                batch["around"],
                (counts["before"], counts["after"]),
                self._neighbours,
            )
            seen["neighbour_accuracy"] = hits(around, batch["around"], NO_LABEL)
        if self.order_head is not None:
            order = self.order_head(features)
            order_loss = clip_order_loss(order, batch["order"], counts["orders"])
            loss = mixed_loss(loss, order_loss, self._weight)
            seen["order_accuracy"] = hits(order, batch["order"], NO_ORDER)
        return loss, seen


class Teacher(nn.Module):
    """A motion model that others learn from: it learns nothing itself."""

    def __init__(self, network: VideoNetwork):
        super().__init__()
        self.network = network.eval().requires_grad_(False)

    def train(self, mode: bool = True) -> "Teacher":
        return super().train(False)

    @torch.no_grad()
    def forward(self, batch: Batch) -> Tensor:
        """(B, R, D) features of the flow of the batch's clips."""
        return features_of(self.network, batch["teacher_clips"], "flow", batch["flips"])


class Mers(Objective):
    """MERS (Crasto et al. 2019): `weight` times the mean squared difference between the network's
    features and its teacher's."""

    def __init__(self, network: VideoNetwork, teacher: Teacher, weight: float):
        super().__init__(network, "frames")
        self.teacher = teacher
        self._mers_weight = weight
        network.fc.requires_grad_(False)  # it has no part in the loss

    def forward(self, batch: Batch, counts: Counts | None = None) -> tuple[Tensor, Hits]:
        clips = (counts or self.counts(batch))["clips"]
        loss = feature_loss(self.features(batch), self.teacher(batch), clips)
        return self._mers_weight * loss, {}


class Mars(ClipLosses):
    """MARS (Crasto et al. 2019): the labels, and `weight` times the mean squared difference between
    the network's features and its teacher's."""

    def __init__(
        self, network: VideoNetwork, recipe: Training, classes: int, teacher: Teacher, weight: float
    ):
        super().__init__(network, "frames", recipe, classes)
        self.teacher = teacher
        self._mars_weight = weight

    def forward(self, batch: Batch, counts: Counts | None = None) -> tuple[Tensor, Hits]:
        counts = counts or self.counts(batch)
        features = self.features(batch)
        loss, seen = self.losses(features, batch, counts)
        teacher = self.teacher(batch)
        return mars_loss(loss, features, teacher, self._mars_weight, counts["clips"]), seen


def features_of(network: VideoNetwork, clips: Tensor, modality: str, flips: Tensor) -> Tensor:
    """Multi-clips (B, R, L, S, S, C) uint8 and whether they are mirrored (B, R), to (B, R, D)."""
    x = network_input(clips.flatten(0, 1), modality, flips.flatten())
    return network.features(x).unflatten(0, flips.shape)


def hits(logits: Tensor, wanted: Tensor, nothing: int) -> Tensor:
    """(2,): how many of `wanted` (...) are where `logits` (..., K) are largest, and of how many;
    what is `nothing` is not counted."""
    return torch.stack([(logits.argmax(-1) == wanted).sum(), (wanted != nothing).sum()])
