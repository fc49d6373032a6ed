"""What a training minimises: the losses on the outputs of a network."""

from itertools import combinations
from math import factorial

import torch
from torch import Tensor, nn

from motionfit.clips.encoding import DecodedClips
from motionfit.clips.transforms import network_input
from motionfit.config import Mers as MersRecipe
from motionfit.config import SelfTraining, Teaching, Training
from motionfit.modality import CHANNELS, Modality
from motionfit.models.network import VideoNetwork
from motionfit.training.data import Batch
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

Counts = dict[str, Tensor]
"""Numbers that losses are divided by, by name. The counts of the parts of a batch add up to those
of the batch."""
Hits = dict[str, Tensor]
"""Name of an accuracy to (2,): number of correct predictions, and number of predictions."""


class ClipOrderHead(nn.Module):
    """Predicts the order of R clips from their features (Xu et al. 2019, as in the paper): one
    layer sees the features of each pair of clips, a second one all pairs together.

    Takes features (B, R, D) and gives logits (B, R!), one per permutation.
    """

    def __init__(self, dim: int, clips: int):
        super().__init__()
        self.pairs = list(combinations(range(clips), 2))
        self.pair = nn.Sequential(nn.Linear(2 * dim, dim), nn.ReLU())
        self.order = nn.Sequential(
            nn.Dropout(0.5), nn.Linear(len(self.pairs) * dim, factorial(clips))
        )

    def forward(self, features: Tensor) -> Tensor:
        pairs = [
            self.pair(torch.cat([features[:, i], features[:, j]], dim=-1)) for i, j in self.pairs
        ]
        return self.order(torch.cat(pairs, dim=-1))


class Objective(nn.Module):
    """A network, and the loss of a batch or of a part of one.

    `forward(batch, counts)` gives the loss and the accuracies. For a part of a batch, `counts` are
    those of the whole batch; the losses of the parts, and their gradients, then add up to those of
    the batch.
    """

    def __init__(self, network: VideoNetwork, modality: Modality):
        super().__init__()
        self.network = network
        self._modality = modality
        self._frozen_statistics: list[nn.Module] = []

    def freeze_others(self, trainable: list[nn.Module], freeze_bn: bool) -> None:
        """Trains only these children of the network. With `freeze_bn`, the batch-normalisation
        statistics of the others stay as they are."""
        frozen = [part for part in self.network.children() if all(part is not t for t in trainable)]
        for part in frozen:
            part.requires_grad_(False)
        self._frozen_statistics = frozen if freeze_bn else []

    def train(self, mode: bool = True) -> "Objective":
        super().train(mode)
        for part in self._frozen_statistics:
            part.eval()
        return self

    def forward(self, batch: Batch, counts: Counts | None = None) -> tuple[Tensor, Hits]:
        raise NotImplementedError

    def counts(self, batch: Batch) -> Counts:
        """The number of clips, and of whatever else the loss of the batch is averaged over."""
        return {"clips": torch.tensor(float(batch.flips.numel()))}

    def features(self, batch: Batch) -> Tensor:
        """(B, R, D) features of the clips."""
        return features_of(self.network, batch.clips, self._modality, batch.flips)

    @torch.no_grad()
    def output_positions(self, clip_length: int, crop: int) -> int:
        """Number of positions in time and space that the last block of the network gives for one
        clip."""
        device = next(self.network.parameters()).device
        clip = torch.zeros(1, CHANNELS[self._modality], clip_length, crop, crop, device=device)
        self.network.eval()
        return self.network.feature_map(clip).shape[2:].numel()


class ClipLosses(Objective):
    """The losses of the paper: Eq. 1, or Eq. 3 if the recipe includes clip order.

    The recipe of a self-training may add the losses of the pseudo-labels before and after a clip
    (`neighbour_loss`).
    """

    def __init__(
        self,
        network: VideoNetwork,
        modality: Modality,
        recipe: Training,
        classes: int,
    ):
        super().__init__(network, modality)
        self._weight = recipe.multi_clip_weight
        self._smoothing = recipe.label_smoothing
        self._neighbours = recipe.neighbours if isinstance(recipe, SelfTraining) else None
        self.order_head: ClipOrderHead | None = None
        self.neighbour_head: nn.Linear | None = None
        """Predicts the labels before and after a clip. Its name is a key in checkpoints."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            if self._weight < 1:
                self.order_head = ClipOrderHead(network.dim, recipe.clips_per_video)
            if self._neighbours:
                self.neighbour_head = nn.Linear(network.dim, 2 * classes)

    def counts(self, batch: Batch) -> Counts:
        counts = super().counts(batch)
        if self.neighbour_head is not None:
            before, after = (batch.neighbour_labels != NO_LABEL).sum(dim=(0, 1)).float()
            counts |= {"before": before, "after": after}
        if self.order_head is not None:
            counts["orders"] = (batch.order != NO_ORDER).sum().float()
        return counts

    def forward(self, batch: Batch, counts: Counts | None = None) -> tuple[Tensor, Hits]:
        return self.losses(self.features(batch), batch, counts or self.counts(batch))

    def losses(self, features: Tensor, batch: Batch, counts: Counts) -> tuple[Tensor, Hits]:
        """The loss and the accuracies for the features (B, R, D) of the clips."""
        labels = batch.labels
        logits = self.network.fc(features.flatten(0, 1)).unflatten(0, labels.shape)
        smoothing = self._smoothing if self.training else 0.0
        loss = multi_clip_loss(logits, labels, counts["clips"], smoothing)
        accuracies: Hits = {}
        if self._weight:
            accuracies["accuracy"] = hits(logits, labels, NO_LABEL)
        if self.neighbour_head is not None:
            neighbours = self.neighbour_head(features).unflatten(-1, (2, -1))
            loss = neighbour_loss(
                loss,
                neighbours,
                batch.neighbour_labels,
                (counts["before"], counts["after"]),
                self._neighbours,
            )
            accuracies["neighbour_accuracy"] = hits(neighbours, batch.neighbour_labels, NO_LABEL)
        if self.order_head is not None:
            order = self.order_head(features)
            order_loss = clip_order_loss(order, batch.order, counts["orders"])
            loss = mixed_loss(loss, order_loss, self._weight)
            accuracies["order_accuracy"] = hits(order, batch.order, NO_ORDER)
        return loss, accuracies


class Teacher(nn.Module):
    """A frozen motion model whose features another network learns."""

    def __init__(self, network: VideoNetwork):
        super().__init__()
        self.network = network.eval().requires_grad_(False)

    def train(self, mode: bool = True) -> "Teacher":
        """Does nothing: the teacher stays in evaluation mode."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, batch: Batch) -> Tensor:
        """(B, R, D) features of the flow of the clips."""
        return features_of(self.network, batch.teacher_clips, Modality.FLOW, batch.flips)


class Mers(Objective):
    """MERS (Crasto et al. 2019): `weight` times the mean squared difference between the features of
    the network and those of its teacher."""

    def __init__(self, network: VideoNetwork, teacher: Teacher, recipe: MersRecipe):
        super().__init__(network, Modality.FRAMES)
        self.teacher = teacher
        self._mers_weight = recipe.weight
        network.fc.requires_grad_(False)  # the loss does not use the classifier

    def forward(self, batch: Batch, counts: Counts | None = None) -> tuple[Tensor, Hits]:
        clips = (counts or self.counts(batch))["clips"]
        loss = feature_loss(self.features(batch), self.teacher(batch), clips)
        return self._mers_weight * loss, {}


TAUGHT_BY: dict[type[Teaching], type[Objective]] = {MersRecipe: Mers}
"""Recipe of a teaching method to its objective, which is made from a network, a teacher and the
recipe."""


class Mars(ClipLosses):
    """MARS (Crasto et al. 2019): the loss of the labels, plus `weight` times the mean squared
    difference between the features of the network and those of its teacher."""

    def __init__(
        self, network: VideoNetwork, recipe: Training, classes: int, teacher: Teacher, weight: float
    ):
        super().__init__(network, Modality.FRAMES, recipe, classes)
        self.teacher = teacher
        self._mars_weight = weight

    def forward(self, batch: Batch, counts: Counts | None = None) -> tuple[Tensor, Hits]:
        counts = counts or self.counts(batch)
        features = self.features(batch)
        loss, accuracies = self.losses(features, batch, counts)
        teacher = self.teacher(batch)
        loss = mars_loss(loss, features, teacher, self._mars_weight, counts["clips"])
        return loss, accuracies


def features_of(
    network: VideoNetwork, clips: DecodedClips, modality: Modality, flips: Tensor
) -> Tensor:
    """(B, R, D) features of clips; `flips` (B, R) says which are mirrored."""
    x = network_input(clips.pixels.flatten(0, 1), modality, flips.flatten())
    return network.features(x).unflatten(0, flips.shape)


def hits(logits: Tensor, targets: Tensor, ignored: int) -> Tensor:
    """(2,): for how many `targets` (...) the largest of the `logits` (..., K) is correct, and the
    number of targets; targets equal to `ignored` don't count."""
    return torch.stack([(logits.argmax(-1) == targets).sum(), (targets != ignored).sum()])
