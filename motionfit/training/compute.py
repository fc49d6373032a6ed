"""What a training runs on: one GPU, several GPUs of one or more machines, or the CPU."""

import os
import threading
import time
from dataclasses import dataclass
from typing import Annotated, Any

import torch
import torch.distributed as dist
from cyclopts import Parameter
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
from motionfit.options import CORES, Threads, between, described

FABRIC_PRECISION = {32: "32-true", "bf16": "bf16-mixed", 16: "16-mixed"}


@dataclass(frozen=True)
class Compute:
    """How a training runs.

    None of this changes what is learned, except for rounding and for dropout, which every device
    samples on its own.
    """

    threads: Threads = CORES
    """CPU cores, shared by all processes of the machine."""
    devices: Annotated[
        int,
        between(0, 1024),
        described("GPUs of each machine, or processes if it has none; 0 stays on the CPU."),
    ] = 1
    """One process per GPU; the same number of processes on the CPU of a machine without GPUs."""
    nodes: Annotated[
        int,
        between(1, 10**9),
        described("Machines, on each of which srun or torchrun starts a process per device."),
    ] = 1
    workers: Annotated[int | None, Parameter(parse=False)] = None
    """Processes that read clips for each training process; None: its threads on a GPU, and none on
    a CPU, whose cores are better used for the network."""
    compile: Annotated[bool, described("Compile the network by torch.compile.")] = False
    channels_last: Annotated[bool, described("Keep tensors with their channels last.")] = False
    gpu_decoding: Annotated[bool, described("Decode the clips on the GPU, by nvJPEG.")] = False
    checkpoint_minutes: Annotated[float, Parameter(parse=False)] = 10
    """Time between checkpoints within an epoch. Each epoch ends with a checkpoint as well."""

    def fabric(self, precision: Precision) -> Fabric:
        """The devices, before they are launched.

        Raises MotionFitError if they do not exist or do not support the precision.
        """
        on_gpu = torch.cuda.is_available() and self.devices > 0
        if on_gpu and torch.cuda.device_count() < self.devices:
            raise MotionFitError(
                f"the config asks for {self.devices} GPUs (resources, gpu), but this job sees "
                f"{torch.cuda.device_count()}"
            )
        if precision == 16 and not on_gpu:
            raise MotionFitError("training.precision 16 needs a GPU: use bf16 or 32 on a CPU")
        # Batches hardly change their shape, so it pays to search for the fastest convolution.
        torch.backends.cudnn.benchmark = on_gpu
        several = self.processes * self.nodes > 1
        # `WholeBatchNorm` computes the same statistics in all processes, so they need not be sent.
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
        """What starts the processes: torchrun, srun or, within a job of one task, the training."""
        if self.processes * self.nodes > 1:
            if TorchElasticEnvironment.detect():
                return TorchElasticEnvironment()
            if int(os.environ.get("SLURM_NTASKS", "1")) > 1:
                return SLURMEnvironment()
        if self.nodes > 1:
            raise MotionFitError(
                f"--nodes {self.nodes} needs one process per device on each machine, started by "
                "srun (--ntasks-per-node) or torchrun: see docs/training.md for the command"
            )
        return LightningEnvironment()

    def exit_with_first_process(self, fabric: Fabric) -> None:
        """Makes a process that the first process started exit as soon as the first one has ended
        for any reason. Otherwise it would wait for an answer and keep its GPU."""
        if fabric.local_rank == 0:
            return
        if not isinstance(fabric.strategy.cluster_environment, LightningEnvironment):
            return
        parent = os.getppid()

        def exit_when_orphaned() -> None:
            while os.getppid() == parent:
                time.sleep(1)
            os._exit(1)

        threading.Thread(target=exit_when_orphaned, daemon=True).start()

    def adapt(self, objective: nn.Module, fabric: Fabric, precision: Precision) -> None:
        """Prepares an objective and its network, in place, for what they run on."""
        if fabric.world_size > 1:
            replace_layers(objective.network, nn.BatchNorm3d, WholeBatchNorm)
        if precision == "bf16" and fabric.device.type == "cpu":
            replace_layers(objective.network, nn.Conv3d, TimePaddedConv3d)
        if self.channels_last:
            objective.to(memory_format=torch.channels_last_3d)
        if self.compile:
            objective.compile()

    def share_threads(self) -> int:
        """Sets and returns the number of threads of this process."""
        share = max(1, self.threads // self.processes)
        torch.set_num_threads(share)
        return share


class Processes:
    """All processes of a training, to sum tensors on the CPU. This does not wait for a GPU."""

    def __init__(self, fabric: Fabric):
        self._group = dist.new_group(backend="gloo") if fabric.world_size > 1 else None

    def sum(self, values: Tensor) -> Tensor:
        """The sum of the tensors that the processes give; the tensor itself if there is only one
        process."""
        if self._group is None:
            return values
        values = values.clone()
        dist.all_reduce(values, group=self._group)
        return values


def replace_layers(network: nn.Module, kind: type[nn.Module], by: type[nn.Module]) -> None:
    """Turns the layers of a class into those of a subclass, in place."""
    for module in network.modules():
        if isinstance(module, kind):
            module.__class__ = by


class WholeBatchNorm(nn.BatchNorm3d):
    """Batch normalisation over the clips of all processes. A process may have no clips.

    `nn.SyncBatchNorm` runs on GPUs only. With mixed precision, a process without clips sends its
    zeros there in another precision than the others.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, L, H, W) to the same shape. B may be 0, but not in all processes."""
        if not self.training:
            return super().forward(x)
        with torch.autocast(x.device.type, enabled=False):
            return self._normalised(x.float()).to(x.dtype)

    def _normalised(self, x: Tensor) -> Tensor:
        dims = (0, 2, 3, 4)
        values = torch.cat([x.sum(dims), x.new_full((1,), x.numel() / x.shape[1])])
        sums, count = SumOverProcesses.apply(values).split([x.shape[1], 1])
        mean = sums / count
        centred = x - mean[:, None, None, None]
        variance = SumOverProcesses.apply(centred.square().sum(dims)) / count
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1).clamp(min=1), self.momentum)
        scale = self.weight * (variance + self.eps).rsqrt()
        return centred * scale[:, None, None, None] + self.bias[:, None, None, None]


class TimePaddedConv3d(nn.Conv3d):
    """A convolution that itself pads clips that are shorter than its kernel.

    If the kernel never lies completely inside the clip, oneDNN reads uninitialised memory, and the
    bf16 gradients of the weights are random numbers on a CPU with AVX-512. An example is the kernel
    of 3 frames in the last block of R(2+1)D, where 2 frames are left of 16.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, L, H, W) like `nn.Conv3d`."""
        in_time, *in_space = self.padding
        if x.shape[2] >= self.kernel_size[0]:
            return super().forward(x)
        x = F.pad(x, (0, 0, 0, 0, in_time, in_time))
        return F.conv3d(
            x, self.weight, self.bias, self.stride, (0, *in_space), self.dilation, self.groups
        )


class SumOverProcesses(torch.autograd.Function):
    """Sums a tensor over all processes, and its gradient as well."""

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


ALL_CORES = Compute()
"""How a training runs if nothing else is said."""
