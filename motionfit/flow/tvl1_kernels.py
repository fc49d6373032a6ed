"""The inner part of `tvl1_gpu` as a Triton kernel, for NVIDIA GPUs.

Each pair has one program (thread block), which computes all warps and iterations of a scale, each
warp until this pair converges. The host takes no part in this, and pairs wait for each other only
at the end of a scale. The data of an iteration stay in the L1 and L2 caches as far as they fit.

Images are flat arrays of P = H * W pixels. Neighbours outside the image are masked.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from motionfit.flow import parameters
from motionfit.flow.parameters import TVL1

FLAT = tl.constexpr(parameters.FLAT)
CUBIC = tl.constexpr(parameters.CUBIC)

BLOCK = 2048
"""Number of pixels that the threads of a pair update at once."""
MEDIAN_BLOCK = 1024
"""Number of pixels that they filter or warp at once, which needs more registers."""
WARPS = 16
"""Number of warps (of 32 threads) per pair. Their registers fill a multiprocessor."""


def solve(frame: Tensor, images: Tensor, flow: Tensor, parameters: TVL1) -> None:
    """Computes the flow of one scale in place. All tensors are float32 and contiguous.

    Parameters
    ----------
    frame
        Frames (N, H, W).
    images
        Next frames with their x and y derivatives, (N, 3, H, W).
    flow
        Initial flow (N, 2, H, W), replaced by the result.
    """
    count, height, width = frame.shape
    _solve[(count,)](
        frame,
        images,
        flow,
        torch.empty_like(flow),
        frame.new_empty(count, 3, height, width),
        frame.new_zeros(count, 4, height, width),
        height,
        width,
        parameters.epsilon**2 * height * width,
        parameters.tau,
        parameters.lambda_,
        parameters.theta,
        parameters.warps,
        parameters.outer_iterations,
        parameters.inner_iterations,
        BLOCK=BLOCK,
        MEDIAN_BLOCK=MEDIAN_BLOCK,
        num_warps=WARPS,
    )


@triton.jit
def _solve(
    frame,
    images,
    flow,
    filtered,
    data,
    p,
    height,
    width,
    tolerance,
    tau,
    lambda_,
    theta,
    warps,
    outer_iterations,
    inner_iterations,
    BLOCK: tl.constexpr,
    MEDIAN_BLOCK: tl.constexpr,
):
    """Computes one scale of one pair. Each warp is followed by iterations, until the sum of squared
    changes of the flow is below the tolerance, with a median filter every `inner_iterations`. An
    iteration updates the flow by thresholding and the divergence of the dual variables, and then
    the dual variables."""
    pair = tl.program_id(0).to(tl.int64)
    pixels = height * width
    frame += pair * pixels
    images += 3 * pair * pixels
    flow += 2 * pair * pixels
    filtered += 2 * pair * pixels
    data += 3 * pair * pixels
    p += 4 * pair * pixels
    limit = lambda_ * theta
    step = tau / theta
    # There is a barrier before threads read what other threads wrote, and before they write what
    # other threads may still read.
    for _ in range(warps):
        for start in range(0, pixels, MEDIAN_BLOCK):
            _warp(frame, images, flow, data, start, height, width, MEDIAN_BLOCK)
        error = tolerance * 2
        outer = 0
        while (error > tolerance) & (outer < outer_iterations):
            _filter(flow, filtered, height, width, BLOCK, MEDIAN_BLOCK)
            inner = 0
            while (error > tolerance) & (inner < inner_iterations):
                changes = tl.zeros((BLOCK,), tl.float32)
                for start in range(0, pixels + width, BLOCK):
                    changes += _update_flow(
                        data, flow, p, start, height, width, limit, theta, BLOCK
                    )
                    # The dual variables are updated one row behind, while their data are in the
                    # cache. Those that the next block of flow reads do not change yet.
                    tl.debug_barrier()
                    behind = start - width
                    _update_dual(flow, p, behind, height, width, step, BLOCK)
                    _update_dual(flow + pixels, p + 2 * pixels, behind, height, width, step, BLOCK)
                error = tl.sum(changes)
                tl.debug_barrier()
                inner += 1
            outer += 1


@triton.jit
def _bicubic(t):
    """Weights of the four samples around a point that is `t` past the second of them."""
    far = t + 1
    near = 1 - t
    w0 = ((CUBIC * far - 5 * CUBIC) * far + 8 * CUBIC) * far - 4 * CUBIC
    w1 = ((CUBIC + 2) * t - (CUBIC + 3)) * t * t + 1
    w2 = ((CUBIC + 2) * near - (CUBIC + 3)) * near * near + 1
    return w0, w1, w2, 1 - w0 - w1 - w2


@triton.jit
def _row_of_taps(image, y, left, a, b, c, d, height, width, valid):
    """The weighted sum of four samples in row y of an image, which are 0 outside."""
    inside = valid & (y >= 0) & (y < height)
    at = image + y * width + left
    total = a * tl.load(at - 1, mask=inside & (left >= 1) & (left <= width), other=0.0)
    total += b * tl.load(at, mask=inside & (left >= 0) & (left < width), other=0.0)
    total += c * tl.load(at + 1, mask=inside & (left >= -1) & (left < width - 1), other=0.0)
    total += d * tl.load(at + 2, mask=inside & (left >= -2) & (left < width - 2), other=0.0)
    return total


@triton.jit
def _taps(image, top, left, a, b, c, d, e, f, g, h, height, width, valid):
    """The sum of 16 samples of an image, weighted by a to d horizontally and e to h vertically."""
    total = e * _row_of_taps(image, top - 1, left, a, b, c, d, height, width, valid)
    total += f * _row_of_taps(image, top, left, a, b, c, d, height, width, valid)
    total += g * _row_of_taps(image, top + 1, left, a, b, c, d, height, width, valid)
    total += h * _row_of_taps(image, top + 2, left, a, b, c, d, height, width, valid)
    return total


@triton.jit
def _warp(frame, images, flow, data, start, height, width, BLOCK: tl.constexpr):
    """Samples the next frame and its derivatives where the flow of a block of pixels points to, and
    writes what an iteration needs: the derivatives and the constant part of the linearised
    brightness difference."""
    pixels = height * width
    at = start + tl.arange(0, BLOCK)
    valid = at < pixels
    u1 = tl.load(flow + at, mask=valid, other=0.0)
    u2 = tl.load(flow + pixels + at, mask=valid, other=0.0)
    x = tl.minimum(tl.maximum((at % width).to(tl.float32) + u1, -3.0), width + 1.0)
    y = tl.minimum(tl.maximum((at // width).to(tl.float32) + u2, -3.0), height + 1.0)
    left = tl.floor(x)
    top = tl.floor(y)
    a, b, c, d = _bicubic(x - left)
    e, f, g, h = _bicubic(y - top)
    left = left.to(tl.int32)
    top = top.to(tl.int32)
    value = _taps(images, top, left, a, b, c, d, e, f, g, h, height, width, valid)
    dx = _taps(images + pixels, top, left, a, b, c, d, e, f, g, h, height, width, valid)
    dy = _taps(images + 2 * pixels, top, left, a, b, c, d, e, f, g, h, height, width, valid)
    now = tl.load(frame + at, mask=valid, other=0.0)
    tl.store(data + at, dx, mask=valid)
    tl.store(data + pixels + at, dy, mask=valid)
    tl.store(data + 2 * pixels + at, value - dx * u1 - dy * u2 - now, mask=valid)


@triton.jit
def _update_flow(data, flow, p, start, height, width, limit, theta, BLOCK: tl.constexpr):
    """Updates the flow of a block of pixels and returns its squared changes."""
    pixels = height * width
    at = start + tl.arange(0, BLOCK)
    valid = at < pixels
    not_first = valid & (at % width > 0)
    not_top = valid & (at >= width)
    dx = tl.load(data + at, mask=valid, other=0.0)
    dy = tl.load(data + pixels + at, mask=valid, other=0.0)
    rho = tl.load(data + 2 * pixels + at, mask=valid, other=0.0)
    squared = dx * dx + dy * dy
    inverse = tl.where(squared > FLAT, 1 / squared, 0.0)  # cheaper than reading a stored value
    u1 = tl.load(flow + at, mask=valid, other=0.0)
    u2 = tl.load(flow + pixels + at, mask=valid, other=0.0)
    d = -(rho + dx * u1 + dy * u2) * inverse
    d = tl.minimum(tl.maximum(d, -limit), limit)
    change1 = d * dx + theta * _divergence(p + at, width, pixels, valid, not_first, not_top)
    change2 = d * dy + theta * _divergence(
        p + 2 * pixels + at, width, pixels, valid, not_first, not_top
    )
    tl.store(flow + at, u1 + change1, mask=valid)
    tl.store(flow + pixels + at, u2 + change2, mask=valid)
    return tl.where(valid, change1 * change1 + change2 * change2, 0.0)


@triton.jit
def _divergence(p, width, pixels, valid, not_first, not_top):
    divergence = tl.load(p, mask=valid, other=0.0) - tl.load(p - 1, mask=not_first, other=0.0)
    divergence += tl.load(p + pixels, mask=valid, other=0.0)
    return divergence - tl.load(p + pixels - width, mask=not_top, other=0.0)


@triton.jit
def _update_dual(u, p, start, height, width, step, BLOCK: tl.constexpr):
    """Updates the dual variables, x and y, of a component of the flow for a block of pixels."""
    pixels = height * width
    at = start + tl.arange(0, BLOCK)
    valid = (at >= 0) & (at < pixels)
    here = tl.load(u + at, mask=valid, other=0.0)
    not_last = valid & (at % width < width - 1)
    not_bottom = valid & (at < pixels - width)
    dx = tl.where(not_last, tl.load(u + at + 1, mask=not_last, other=0.0) - here, 0.0)
    dy = tl.where(not_bottom, tl.load(u + at + width, mask=not_bottom, other=0.0) - here, 0.0)
    shrink = 1 / (1 + step * tl.sqrt(dx * dx + dy * dy))
    px = tl.load(p + at, mask=valid, other=0.0)
    py = tl.load(p + pixels + at, mask=valid, other=0.0)
    tl.store(p + at, (px + step * dx) * shrink, mask=valid)
    tl.store(p + pixels + at, (py + step * dy) * shrink, mask=valid)


@triton.jit
def _filter(flow, filtered, height, width, BLOCK: tl.constexpr, MEDIAN_BLOCK: tl.constexpr):
    """Applies the median filter to both components of the flow of a pair, in place."""
    for start in range(0, 2 * height * width, MEDIAN_BLOCK):
        _median(flow, filtered, start, height, width, MEDIAN_BLOCK)
    tl.debug_barrier()
    for start in range(0, 2 * height * width, BLOCK):
        at = start + tl.arange(0, BLOCK)
        inside = at < 2 * height * width
        tl.store(flow + at, tl.load(filtered + at, mask=inside), mask=inside)
    tl.debug_barrier()


@triton.jit
def _median(u, filtered, start, height, width, BLOCK: tl.constexpr):
    """The median filter of 5x5 pixels for a block of pixels of both components, with a repeated
    border."""
    pixels = height * width
    at = start + tl.arange(0, BLOCK)
    valid = at < 2 * pixels
    component = u + at // pixels * pixels
    y = at % pixels // width
    x = at % width
    a0, a1, a2, a3, a4 = _column(component, tl.maximum(x - 2, 0), y, height, width, valid)
    b0, b1, b2, b3, b4 = _column(component, tl.maximum(x - 1, 0), y, height, width, valid)
    c0, c1, c2, c3, c4 = _column(component, x, y, height, width, valid)
    d0, d1, d2, d3, d4 = _column(component, tl.minimum(x + 1, width - 1), y, height, width, valid)
    e0, e1, e2, e3, e4 = _column(component, tl.minimum(x + 2, width - 1), y, height, width, valid)
    # After sorting rows and columns, 6 of the 25 values have more than 12 values that are not
    # smaller, and 6 have more than 12 that are not larger. The median of the other 13 is the median
    # of all.
    _0, _1, _2, v03, v04 = _sort5(a0, b0, c0, d0, e0)
    _0, _1, v12, v13, v14 = _sort5(a1, b1, c1, d1, e1)
    _0, v21, v22, v23, _4 = _sort5(a2, b2, c2, d2, e2)
    v30, v31, v32, _3, _4 = _sort5(a3, b3, c3, d3, e3)
    v40, v41, _2, _3, _4 = _sort5(a4, b4, c4, d4, e4)
    median = _median13(v03, v12, v21, v30, v41, v32, v23, v14, v04, v13, v22, v31, v40)
    tl.store(filtered + at, median, mask=valid)


@triton.jit
def _column(u, x, y, height, width, valid):
    """The five pixels of a column, sorted."""
    above = tl.maximum(y - 1, 0) * width
    below = tl.minimum(y + 1, height - 1) * width
    return _sort5(
        tl.load(u + tl.maximum(y - 2, 0) * width + x, mask=valid, other=0.0),
        tl.load(u + above + x, mask=valid, other=0.0),
        tl.load(u + y * width + x, mask=valid, other=0.0),
        tl.load(u + below + x, mask=valid, other=0.0),
        tl.load(u + tl.minimum(y + 2, height - 1) * width + x, mask=valid, other=0.0),
    )


@triton.jit
def _order(a, b):
    return tl.minimum(a, b), tl.maximum(a, b)


@triton.jit
def _sort5(a, b, c, d, e):
    a, b = _order(a, b)
    d, e = _order(d, e)
    c, e = _order(c, e)
    c, d = _order(c, d)
    a, d = _order(a, d)
    a, c = _order(a, c)
    b, e = _order(b, e)
    b, d = _order(b, d)
    b, c = _order(b, c)
    return a, b, c, d, e


@triton.jit
def _median13(a, b, c, d, e, f, g, h, i, j, k, m, n):
    """The median of 13 values with a <= h, b <= g, c <= f and d <= e, by elimination. Among a to h,
    neither the smallest, which is one of a to d, nor the largest, which is one of e to h, is the
    median. The same holds for the 6 remaining values with i, and so on."""
    # b to g remain, and i is added.
    a, b = _order(a, b)
    a, c = _order(a, c)
    d = tl.maximum(a, d)
    e, h = _order(e, h)
    f, h = _order(f, h)
    g = tl.minimum(g, h)
    b, i = _order(b, i)
    c, g = _order(c, g)
    d, f = _order(d, f)
    # c to g remain, and j is added.
    b, c = _order(b, c)
    b, d = _order(b, d)
    e = tl.maximum(b, e)
    e, i = _order(e, i)
    f, i = _order(f, i)
    g = tl.minimum(g, i)
    c, j = _order(c, j)
    d, g = _order(d, g)
    e, f = _order(e, f)
    # d to g remain, and k is added.
    c, d = _order(c, d)
    e = tl.maximum(c, e)
    f, j = _order(f, j)
    g = tl.minimum(g, j)
    d, k = _order(d, k)
    e, g = _order(e, g)
    # e, f and g remain, and m is added.
    d, e = _order(d, e)
    f = tl.maximum(d, f)
    f, k = _order(f, k)
    g = tl.minimum(g, k)
    e, m = _order(e, m)
    f, g = _order(f, g)
    # f and g remain, and n is added.
    f, g = _order(tl.maximum(e, f), tl.minimum(g, m))
    return tl.maximum(f, tl.minimum(g, n))
