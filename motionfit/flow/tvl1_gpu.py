"""Dual TV-L1 of many pairs at once on a GPU, with the algorithm, parameters and stopping rule of
OpenCV's `DualTVL1OpticalFlow`.

Pairs of the same size are computed together, each until it converges. PyTorch computes the pyramid,
and the kernels in `tvl1_kernels` compute the warps and iterations. `solve` does the same in plain
PyTorch: the kernels are tested against it, and it computes on a CPU, slowly.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from motionfit.flow.methods import Pair
from motionfit.flow.parameters import CUBIC, FLAT, TVL1, level_sizes, tvl1_parameters

log = logging.getLogger(__name__)

BYTES = 200
"""Memory per pixel of a batch in bytes, for all scales and temporary arrays."""
LARGEST = {"cuda": 2**25, "cpu": 2**18}
"""Largest number of pixels per batch. Larger batches are not faster on a GPU."""

BURST = 10
"""Number of iterations in plain PyTorch after which converged pairs are removed."""


def compute(pairs: Sequence[Pair], threads: int, **parameters: float) -> list[np.ndarray]:
    """The flow of each pair by Dual TV-L1, in batches of pairs of the same size, on a GPU if there
    is one."""
    given = tvl1_parameters(parameters)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    sizes: dict[tuple[int, int], list[int]] = defaultdict(list)
    for i, (frame, _) in enumerate(pairs):
        sizes[frame.shape].append(i)
    flows: list[np.ndarray] = [np.empty(0)] * len(pairs)
    with cpu_threads(threads):
        for (height, width), members in sizes.items():
            count = max(1, batch_pixels(device) // (height * width))
            for start in range(0, len(members), count):
                batch = members[start : start + count]
                first, second = (
                    torch.from_numpy(np.stack([pairs[i][k] for i in batch])).to(device)
                    for k in (0, 1)
                )
                fields = batched_flow(first, second, given).cpu().numpy()
                for i, field in zip(batch, fields, strict=True):
                    flows[i] = field
    return flows


@cache
def batch_pixels(device: str) -> int:
    """Largest number of pixels per batch, so that it uses at most half of the free memory."""
    if device == "cpu":
        log.warning("no GPU found: the flow method tvl1_gpu is much slower than tvl1 on a CPU")
        return LARGEST["cpu"]
    return min(LARGEST["cuda"], torch.cuda.mem_get_info()[0] // 2 // BYTES)


@contextmanager
def cpu_threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@torch.no_grad()
def batched_flow(first: Tensor, second: Tensor, parameters: TVL1) -> Tensor:
    """Displacements (N, H, W, 2) float32 in pixels from the frames `first` to the next frames
    `second`, (N, H, W) uint8 grey. All tensors are on the same device."""
    solve_scale = kernels() if first.is_cuda else solve
    levels = [(first.float(), second.float())]
    sizes = level_sizes(*first.shape[1:], parameters)
    for size in sizes[1:]:
        levels.append(tuple(resize(x, size, 1 / parameters.scale_step) for x in levels[-1]))
    flow = first.new_zeros(len(first), 2, *sizes[-1], dtype=torch.float32)
    for size, (frame, following) in zip(reversed(sizes), reversed(levels), strict=True):
        if flow.shape[-2:] != size:
            flow = resize(flow, size) / parameters.scale_step
        images = torch.stack([following, *central_differences(following)], dim=1)
        solve_scale(frame, images, flow, parameters)
    return flow.permute(0, 2, 3, 1).contiguous()


@cache
def kernels() -> Callable[[Tensor, Tensor, Tensor, TVL1], None]:
    """The function `solve` with Triton, or with plain PyTorch if Triton is missing."""
    try:
        from motionfit.flow.tvl1_kernels import solve as by_triton
    except ImportError:
        log.warning("Triton is missing: the flow method tvl1_gpu is slower than it could be")
        return solve
    return by_triton


def resize(x: Tensor, size: tuple[int, int], step: float | None = None) -> Tensor:
    """Resizes (..., H, W) by linear interpolation.

    One pixel of the output covers `step` pixels of the input, by default the ratio of the sizes.
    (PyTorch's `interpolate` would change the size with this step, and matrix products may have a
    lower precision.)
    """
    for dim, new in zip((-2, -1), size, strict=True):
        old = x.shape[dim]
        exact = (torch.arange(new, dtype=torch.float64) + 0.5) * (step or old / new) - 0.5
        exact = exact.clamp(0, old - 1)
        low = exact.long()
        part = (exact - low).float().to(x.device)
        part = part[:, None] if dim == -2 else part
        below, above = (
            x.index_select(dim, i.to(x.device)) for i in (low, (low + 1).clamp(max=old - 1))
        )
        x = below * (1 - part) + above * part
    return x.contiguous()


def solve(frame: Tensor, images: Tensor, flow: Tensor, parameters: TVL1) -> None:
    """Computes the flow of one scale in place.

    Parameters
    ----------
    frame
        Frames (N, H, W).
    images
        Next frames with their x and y derivatives, (N, 3, H, W).
    flow
        Initial flow (N, 2, H, W), replaced by the result.
    """
    # p[:, i] are the dual variables, x and y, of component i of the flow.
    p = flow.new_zeros(len(flow), 2, 2, *flow.shape[-2:])
    tolerance = parameters.epsilon**2 * frame[0].numel()
    for _ in range(parameters.warps):
        warped, gradient = warp(images, flow).split([1, 2], dim=1)
        rho = warped[:, 0] - (gradient * flow).sum(1) - frame
        squared = gradient.square().sum(1)
        inverse = torch.where(squared > FLAT, 1 / squared, 0)
        going = torch.arange(len(flow), device=flow.device)
        error = flow.new_full((len(flow),), torch.inf)
        for _ in range(parameters.outer_iterations):
            # The state of the pairs that have not converged.
            u, dual = median(flow[going]), p[going]
            data = [gradient[going], rho[going], inverse[going]]
            done = 0
            while len(going) and done < parameters.inner_iterations:
                burst = min(BURST, parameters.inner_iterations - done)
                for _ in range(burst):
                    iterate(u, dual, *data, error, tolerance, parameters)
                done += burst
                flow[going], p[going] = u, dual
                more = error > tolerance
                if not bool(more.all()):
                    going, error = going[more], error[more]
                    u, dual, *data = (x[more] for x in (u, dual, *data))
            if not len(going):
                break


def central_differences(image: Tensor) -> tuple[Tensor, Tensor]:
    """The x and the y derivative of images (N, H, W), with a repeated border."""
    x = pad(image, (1, 1, 0, 0), mode="replicate")
    y = pad(image, (0, 0, 1, 1), mode="replicate")
    return (x[..., 2:] - x[..., :-2]) / 2, (y[:, 2:] - y[:, :-2]) / 2


def warp(images: Tensor, flow: Tensor) -> Tensor:
    """Samples images (N, C, H, W) where the flow (N, 2, H, W) points to, with bicubic interpolation
    and 0 outside the image.

    PyTorch's `grid_sample` has coordinates from -1 to 1. Their rounding error is enough for an
    unmoved pixel at the border to include the step to 0 outside, and the error grows from there.
    """
    count, channels, height, width = images.shape
    # Samples lie from one pixel before to two pixels after a point. Further outside, all are 0.
    border = 4
    padded = pad(images, [border] * 4).flatten(2)
    stride = width + 2 * border
    x = (torch.arange(width, device=flow.device) + flow[:, 0]).clamp(-3, width + 1)
    y = (torch.arange(height, device=flow.device)[:, None] + flow[:, 1]).clamp(-3, height + 1)
    left, top = x.floor(), y.floor()
    corner = (top.long() + border - 1) * stride + left.long() + border - 1
    across, down = bicubic(x - left), bicubic(y - top)
    warped = torch.zeros_like(images)
    for j in range(4):
        row = torch.zeros_like(images)
        for i in range(4):
            tap = (corner + (j * stride + i)).view(count, 1, -1).expand(-1, channels, -1)
            row += across[i][:, None] * padded.gather(2, tap).view_as(images)
        warped += down[j][:, None] * row
    return warped


def bicubic(t: Tensor) -> list[Tensor]:
    """Weights of the four samples around a point that is `t` past the second of them."""
    far, near = t + 1, 1 - t
    w0 = ((CUBIC * far - 5 * CUBIC) * far + 8 * CUBIC) * far - 4 * CUBIC
    w1 = ((CUBIC + 2) * t - (CUBIC + 3)) * t * t + 1
    w2 = ((CUBIC + 2) * near - (CUBIC + 3)) * near * near + 1
    return [w0, w1, w2, 1 - w0 - w1 - w2]


def iterate(
    u: Tensor,
    p: Tensor,
    gradient: Tensor,
    rho: Tensor,
    inverse: Tensor,
    error: Tensor,
    tolerance: float,
    parameters: TVL1,
) -> None:
    """Does one iteration in place, for pairs whose `error`, the sum of squared changes of the flow,
    is above the tolerance.

    It updates the flow by thresholding and the divergence of the dual variables, and then updates
    the dual variables.
    """
    going = (error > tolerance)[:, None, None, None]
    limit = parameters.lambda_ * parameters.theta
    step = -(rho + (gradient * u).sum(1)) * inverse
    step = step.clamp(-limit, limit)
    change = step[:, None] * gradient + parameters.theta * divergence(p)
    change = torch.where(going, change, 0)
    u += change
    torch.where(going[:, 0, 0, 0], change.square().sum((1, 2, 3)), error, out=error)
    taut = parameters.tau / parameters.theta
    slope = forward_differences(u)
    shrunk = (p + taut * slope) / (1 + taut * slope.square().sum(2, keepdim=True).sqrt())
    torch.where(going[:, None], shrunk, p, out=p)


def divergence(p: Tensor) -> Tensor:
    """The divergence (N, 2, H, W) of the dual variables (N, 2, 2, H, W), x and y of each
    component."""
    x, y = p.unbind(2)
    return x - pad(x, (1, 0))[..., :-1] + y - pad(y, (0, 0, 1, 0))[..., :-1, :]


def forward_differences(u: Tensor) -> Tensor:
    """The x and y differences (N, 2, 2, H, W) of (N, 2, H, W), 0 in the last column and row."""
    x = pad(u[..., 1:] - u[..., :-1], (0, 1))
    y = pad(u[..., 1:, :] - u[..., :-1, :], (0, 0, 0, 1))
    return torch.stack([x, y], dim=2)


def median(u: Tensor) -> Tensor:
    """The median filter of 5x5 pixels of (N, 2, H, W), with a repeated border."""
    height, width = u.shape[-2:]
    padded = pad(u, (2, 2, 2, 2), mode="replicate")
    shifts = [padded[..., y : y + height, x : x + width] for y in range(5) for x in range(5)]
    return torch.stack(shifts).median(0).values
