"""What a training runs on: one GPU, several of a machine or of several machines, or the CPU."""

import os
import threading
import time
from dataclasses import dataclass

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments import (
    ClusterEnvironment,
    LightningEnvironment,
    SLURMEnvironment,
    TorchElasticEnvironment,
)
from lightning_fabric.strategies import DDPStrategy
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce

from motionfit.config import Precision
from motionfit.errors import MotionFitError

FABRIC_PRECISION = {32: "32-true", "bf16": "bf16-mixed", 16: "16-mixed"}


@dataclass(frozen=True)
class Compute:
    """How a training is run. None of it changes what is learned, but for rounding."""

    threads: int = 1
    """CPU cores, shared by all processes of the machine."""
    devices: int = 1
    """GPUs of each machine, a process each; as many processes on the CPU where it has no GPU."""
    nodes: int = 1
    """Machines; with more than one, a launcher (srun, torchrun) has started a process a device."""
    workers: int | None = None
    """Processes that read clips for each process that trains; None: its threads on a GPU, and none
    on a CPU, whose cores are better spent on the network."""
    compile: bool = False
    """Compile the network by torch.compile."""
    channels_last: bool = False
    """Keep tensors with their channels last in memory."""
    gpu_decoding: bool = False
    """Decode the clips' JPEG on the device (nvJPEG on a GPU)."""
    checkpoint_minutes: float = 10
    """Time between checkpoints within an epoch; there is one after each epoch as well."""

    def fabric(self, precision: Precision) -> Fabric:
        """The devices, not launched yet.

        Raises MotionFitError where they are not there, or can't do the precision.
        """
        on_gpu = torch.cuda.is_available()
        if on_gpu and torch.cuda.device_count() < self.devices:
            raise MotionFitError(
                f"{self.devices} GPUs are asked for (resources, gpu), and this job sees "
                f"{torch.cuda.device_count()}"
            )
        if precision == 16 and not on_gpu:
            raise MotionFitError("training.precision 16 needs a GPU: take bf16 or 32 on a CPU")
        several = self.devices * self.nodes > 1
        return Fabric(
            accelerator="cuda" if on_gpu else "cpu",
            devices=self.devices,
            num_nodes=self.nodes,
            # Batch-norm statistics are the same everywhere (`synchronise`), so none is sent.
            strategy=DDPStrategy(broadcast_buffers=False, gradient_as_bucket_view=True)
            if several
            else "auto",
            precision=FABRIC_PRECISION[precision],
            plugins=[environment(several)],
        )

    def end_with_the_first(self, fabric: Fabric) -> None:
        """Has a process that the first one started end when that one is gone, however it went:
        else it would hold its GPU, waiting for an answer."""
        if fabric.local_rank == 0:
            return
        if not isinstance(fabric.strategy.cluster_environment, LightningEnvironment):
            return
        parent = os.getppid()

        def watch() -> None:
            while os.getppid() == parent:
                time.sleep(1)
            os._exit(1)

        threading.Thread(target=watch, daemon=True).start()

    def share_threads(self) -> int:
        """Gives this process its share of the threads, and returns it."""
        share = max(1, self.threads // self.devices)
        torch.set_num_threads(share)
        return share

    def readers(self, device: torch.device, threads: int) -> int:
        """Number of processes that read for a process of so many threads."""
        if self.workers is not None:
            return self.workers
        return threads if device.type == "cuda" else 0


def environment(several: bool) -> ClusterEnvironment:
    """Who has started the processes. A scheduler's job of one task is none of its launches: there
    the training starts its processes itself."""
    if several and TorchElasticEnvironment.detect():
        return TorchElasticEnvironment()
    if several and int(os.environ.get("SLURM_NTASKS", "1")) > 1:
        return SLURMEnvironment()
    return LightningEnvironment()


def synchronise(network: nn.Module) -> None:
    """Makes the batch normalisation of a network, in place, that of the whole batch, whatever the
    number of processes that it is dealt out to."""
    if torch.cuda.is_available():
        nn.SyncBatchNorm.convert_sync_batchnorm(network)
        return
    for parent in network.modules():
        for name, child in parent.named_children():
            if isinstance(child, nn.BatchNorm3d):
                child.__class__ = CpuSyncBatchNorm
                setattr(parent, name, child)


class CpuSyncBatchNorm(nn.BatchNorm3d):
    """What `nn.SyncBatchNorm` does, which runs on GPUs only."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, L, H, W), of which B may be 0 in some processes."""
        if not self.training:
            return super().forward(x)
        over = (0, 2, 3, 4)
        values = torch.cat([x.sum(over), x.new_tensor([x.numel() / x.shape[1]])])
        *sums, count = all_reduce(values).split([x.shape[1], 1])
        mean = sums[0] / count
        centred = x - mean[:, None, None, None]
        variance = all_reduce(centred.square().sum(over)) / count
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
        scale = self.weight * (variance + self.eps).rsqrt()
        return centred * scale[:, None, None, None] + self.bias[:, None, None, None]


def across(fabric: Fabric, values: Tensor) -> Tensor:
    """The sum of a tensor over all processes."""
    if fabric.world_size == 1:
        return values
    return fabric.all_reduce(values.to(fabric.device), reduce_op="sum")
