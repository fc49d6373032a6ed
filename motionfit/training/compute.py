"""What a training runs on: one GPU, several of a machine or of several machines, or the CPU."""

import os
import threading
import time
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments import (
    ClusterEnvironment,
    LightningEnvironment,
    SLURMEnvironment,
    TorchElasticEnvironment,
)
from lightning_fabric.strategies import DDPStrategy
from torch import Tensor, nn
from torch.nn import functional as F

from motionfit.config import Precision
from motionfit.errors import MotionFitError

FABRIC_PRECISION = {32: "32-true", "bf16": "bf16-mixed", 16: "16-mixed"}


@dataclass(frozen=True)
class Compute:
    """How a training is run. None of it changes what is learned, but for rounding and for the units
    that dropout leaves out, which are drawn where they are computed."""

    threads: int = 1
    """CPU cores, shared by all processes of the machine."""
    devices: int = 1
    """GPUs of each machine, a process each; as many processes on the CPU where it has no GPU. 0
    leaves the GPU alone."""
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
        on_gpu = torch.cuda.is_available() and self.devices > 0
        if on_gpu and torch.cuda.device_count() < self.devices:
            raise MotionFitError(
                f"{self.devices} GPUs are asked for (resources, gpu), and this job sees "
                f"{torch.cuda.device_count()}"
            )
        if precision == 16 and not on_gpu:
            raise MotionFitError("training.precision 16 needs a GPU: take bf16 or 32 on a CPU")
        # Shapes hardly change from batch to batch, so the search for the fastest convolution pays.
        torch.backends.cudnn.benchmark = on_gpu
        several = self.processes * self.nodes > 1
        # Batch-norm statistics are the same everywhere (`WholeBatchNorm`), so none is sent.
        ddp = DDPStrategy(broadcast_buffers=False, gradient_as_bucket_view=True)
        return Fabric(
            accelerator="cuda" if on_gpu else "cpu",
            devices=self.processes,
            num_nodes=self.nodes,
            strategy=ddp if several else "auto",
            precision=FABRIC_PRECISION[precision],
            plugins=[self._environment()],
        )

    @property
    def processes(self) -> int:
        """Processes of each machine."""
        return max(1, self.devices)

    def _environment(self) -> ClusterEnvironment:
        """Who has started the processes. A scheduler's job of one task is none of its launches:
        there the training starts its processes itself."""
        if self.processes * self.nodes > 1:
            if TorchElasticEnvironment.detect():
                return TorchElasticEnvironment()
            if int(os.environ.get("SLURM_NTASKS", "1")) > 1:
                return SLURMEnvironment()
        if self.nodes > 1:
            raise MotionFitError(
                f"--nodes {self.nodes} needs a process a device on each machine, started by srun "
                "(--ntasks-per-node) or torchrun: docs/training.md has the command"
            )
        return LightningEnvironment()

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
        share = max(1, self.threads // self.processes)
        torch.set_num_threads(share)
        return share

    def readers(self, device: torch.device, threads: int) -> int:
        """Number of processes that read for a process of so many threads."""
        if self.workers is not None:
            return self.workers
        return threads if device.type == "cuda" else 0


class Together:
    """Sums over the processes of numbers that the CPU has, so that no GPU is waited for."""

    def __init__(self, fabric: Fabric):
        self._group = dist.new_group(backend="gloo") if fabric.world_size > 1 else None

    def sum(self, values: Tensor) -> Tensor:
        if self._group is None:
            return values
        values = values.clone()
        dist.all_reduce(values, group=self._group)
        return values


def synchronise(network: nn.Module) -> None:
    """Makes the batch normalisation of a network, in place, that of the whole batch, whatever the
    number of processes that it is dealt out to."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm3d):
            module.__class__ = WholeBatchNorm


class WholeBatchNorm(nn.BatchNorm3d):
    """Batch normalisation over the clips of all processes, of which one may have none.

    `nn.SyncBatchNorm` runs on GPUs only, and there a process without clips sends its zeros in
    another precision than the others where that is mixed.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, L, H, W), of which B may be 0, but not everywhere."""
        if not self.training:
            return super().forward(x)
        with torch.autocast(x.device.type, enabled=False):
            return self._normalised(x.float()).to(x.dtype)

    def _normalised(self, x: Tensor) -> Tensor:
        over = (0, 2, 3, 4)
        values = torch.cat([x.sum(over), x.new_full((1,), x.numel() / x.shape[1])])
        sums, count = SumOverProcesses.apply(values).split([x.shape[1], 1])
        mean = sums / count
        centred = x - mean[:, None, None, None]
        variance = SumOverProcesses.apply(centred.square().sum(over)) / count
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1).clamp(min=1), self.momentum)
        scale = self.weight * (variance + self.eps).rsqrt()
        return centred * scale[:, None, None, None] + self.bias[:, None, None, None]


def pad_in_time(network: nn.Module) -> None:
    """Makes the convolutions of a network, in place, ones whose gradients are right with bf16 on a
    CPU."""
    for module in network.modules():
        if isinstance(module, nn.Conv3d):
            module.__class__ = TimePaddedConv3d


class TimePaddedConv3d(nn.Conv3d):
    """A convolution that pads clips shorter than its kernel itself.

    Where no place of the output sees the whole kernel, as with a kernel of 3 on the 2 frames that
    the last block of R(2+1)D has left of 16, oneDNN reads memory that nobody has written: the bf16
    gradients of its weights are then any number, on a CPU with AVX-512.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, L, H, W), as `nn.Conv3d`."""
        in_time, *in_space = self.padding
        if x.shape[2] >= self.kernel_size[0]:
            return super().forward(x)
        x = F.pad(x, (0, 0, 0, 0, in_time, in_time))
        return F.conv3d(
            x, self.weight, self.bias, self.stride, (0, *in_space), self.dilation, self.groups
        )


class SumOverProcesses(torch.autograd.Function):
    """A tensor summed over all processes; so is its gradient."""

    @staticmethod
    def forward(_ctx: Any, values: Tensor) -> Tensor:
        values = values.clone()
        dist.all_reduce(values)
        return values

    @staticmethod
    def backward(_ctx: Any, gradient: Tensor) -> Tensor:
        gradient = gradient.clone()
        dist.all_reduce(gradient)
        return gradient
