"""The compiled functions of `tvl1`.

Four things make them fast. One pass over the rows updates the flow and, one row behind, the dual
variables, so that an iteration finds its rows in the cache. The inner loops have no branches, so
that the compiler vectorises them. The image and its two derivatives are interleaved, so that each
sample of the warp reads all three from one place. The median filter sorts each column once for all
pixels that share it.

The images of a scale are flat arrays whose stride is a multiple of LANES, with a margin on all
sides. The pixel (y, x) is at (y + 1) * stride + MARGIN + x. Indices are unsigned where speed
matters: Numba checks signed indices for negative values, which count from the end, and this check
would prevent vectorisation.
"""

from collections.abc import Callable

import numpy as np
from numba import njit

LANES = 8
MARGIN = 8
BORDER = 4
"""Width of the zeros around the packed image. A bicubic sample outside reads 0, as in OpenCV."""

U = np.uint64
# The same values as in `parameters`. They are repeated since the compiled code in Numba's cache is
# used as long as this file does not change.
FLAT, CUBIC = np.float32(1.1920929e-07), np.float32(-0.75)
ZERO, HALF, ONE, TWO, THREE = (np.float32(v) for v in (0, 0.5, 1, 2, 3))

OPTIONS = {"nogil": True, "fastmath": True, "error_model": "numpy"}


def compiled(function: Callable) -> Callable:
    """Compiles a function at its first call. The result is cached in the folder of the package or
    in the cache of the user (or NUMBA_CACHE_DIR), if one of them can be written."""
    try:
        return njit(cache=True, **OPTIONS)(function)
    except RuntimeError:  # no cache can be written
        return njit(**OPTIONS)(function)


inlined = njit(forceinline=True, **OPTIONS)


@compiled
def flow(frame, following, sizes, step, numbers):
    """Displacements (H, W, 2) float32 in pixels from a frame to the next, (H, W) uint8 grey.

    `sizes` (S, 2) are those of the scales, from fine to coarse, and `step` is the ratio of two
    sizes. `numbers` are the warps, the outer and the inner iterations, epsilon, tau, lambda and
    theta.
    """
    first = _pyramid(frame, sizes, step)
    second = _pyramid(following, sizes, step)
    # Allocated once, for the largest scale.
    height, width = frame.shape
    pixels = (height + 2) * _stride(width)
    state = np.empty((8, pixels), np.float32)
    u, other = np.zeros((2, pixels), np.float32), np.zeros((2, pixels), np.float32)
    for scale in range(len(sizes) - 1, -1, -1):
        if scale < len(sizes) - 1:
            for i in range(2):
                _upsample(u[i], sizes[scale + 1], other[i], sizes[scale], np.float32(step))
            u, other = other, u
        u, other = _solve(first[scale], second[scale], u, other, state, numbers)
    result = np.empty((height, width, 2), np.float32)
    for y in range(height):
        row = (y + 1) * _stride(width) + MARGIN
        result[y] = u[:, row : row + width].T
    return result


@compiled
def _stride(width):
    return (width + LANES - 1) // LANES * LANES + 2 * MARGIN


@compiled
def _pyramid(frame, sizes, step):
    levels = [frame.astype(np.float32)]
    for height, width in sizes[1:]:
        level = np.empty((height, width), np.float32)
        finer = levels[-1]
        for y in range(height):
            y0, y1, b = _between(y, step, finer.shape[0])
            for x in range(width):
                x0, x1, a = _between(x, step, finer.shape[1])
                top = finer[y0, x0] * (ONE - a) + finer[y0, x1] * a
                bottom = finer[y1, x0] * (ONE - a) + finer[y1, x1] * a
                level[y, x] = top * (ONE - b) + bottom * b
        levels.append(level)
    return levels


@inlined
def _between(position, step, size):
    """The indices of the two samples around a pixel of a resized row, and the weight of the
    second."""
    exact = min(max((position + 0.5) * step - 0.5, 0.0), size - 1.0)
    low = int(exact)
    return low, min(low + 1, size - 1), np.float32(exact - low)


# The interpolation of `_pyramid` stands here again. As one function for both, code from Numba's
# cache rounded otherwise than code that was just compiled.
@compiled
def _upsample(coarse, coarse_size, fine, size, gain):
    """Resizes a component of the flow to the next finer scale and multiplies it by `gain`. The
    margins become 0."""
    rows, columns = coarse_size
    height, width = size
    stride, from_stride = _stride(width), _stride(columns)
    fine[: (height + 2) * stride] = ZERO
    for y in range(height):
        y0, y1, b = _between(y, rows / height, rows)
        above, below = (y0 + 1) * from_stride + MARGIN, (y1 + 1) * from_stride + MARGIN
        for x in range(width):
            x0, x1, a = _between(x, columns / width, columns)
            top = coarse[above + x0] * (ONE - a) + coarse[above + x1] * a
            bottom = coarse[below + x0] * (ONE - a) + coarse[below + x1] * a
            fine[(y + 1) * stride + MARGIN + x] = gain * (top * (ONE - b) + bottom * b)


@compiled
def _solve(first, second, u, other, state, numbers):
    """Computes the flow of one scale from the initial flow `u`. Returns the array that contains the
    flow and the other array, since they are swapped."""
    warps, outer_iterations, inner_iterations, epsilon, tau, lambda_, theta = numbers
    height, width = first.shape
    stride = _stride(width)
    state[:, : (height + 2) * stride] = ZERO
    other[:, : (height + 2) * stride] = ZERO
    data, p = state[:4], state[4:]
    packed = _pack(second)
    inside = np.zeros(stride, np.float32)
    inside[:width] = ONE

    tolerance = epsilon**2 * height * width
    for _ in range(warps):
        _warp(first, packed, u, data)
        error = 2 * tolerance
        outer = 0
        while error > tolerance and outer < outer_iterations:
            for i in range(2):
                _median(u[i], other[i], height, width)
            u, other = other, u
            inner = 0
            while error > tolerance and inner < inner_iterations:
                error = _iterate(data, u, p, inside, height, width, tau, lambda_, theta)
                inner += 1
            outer += 1
    return u, other


@compiled
def _pack(image):
    """Interleaves an image with its x and y derivatives, with a border of zeros."""
    height, width = image.shape
    packed = np.zeros((height + 2 * BORDER, width + 2 * BORDER, 3), np.float32)
    for y in range(height):
        above, below = image[max(y - 1, 0)], image[min(y + 1, height - 1)]
        for x in range(width):
            left, right = image[y, max(x - 1, 0)], image[y, min(x + 1, width - 1)]
            packed[y + BORDER, x + BORDER, 0] = image[y, x]
            packed[y + BORDER, x + BORDER, 1] = HALF * (right - left)
            packed[y + BORDER, x + BORDER, 2] = HALF * (below[x] - above[x])
    return packed.ravel()


@inlined
def _bicubic(t):
    """Weights of the four samples around a point that is `t` past the second of them."""
    far, near = t + ONE, ONE - t
    w0 = ((CUBIC * far - 5 * CUBIC) * far + 8 * CUBIC) * far - 4 * CUBIC
    w1 = ((CUBIC + TWO) * t - (CUBIC + THREE)) * t * t + ONE
    w2 = ((CUBIC + TWO) * near - (CUBIC + THREE)) * near * near + ONE
    return w0, w1, w2, ONE - w0 - w1 - w2


@compiled
def _warp(first, packed, u, data):
    """Samples the second frame and its derivatives where the flow points to, with bicubic
    interpolation.

    Writes to `data` what an iteration needs: the derivatives `wx` and `wy`, the constant part `rho`
    of the linearised brightness difference, and `inverse`, one over the squared gradient (0 where
    the image is flat).
    """
    u1, u2 = u[0], u[1]
    wx, wy, rho, inverse = data[0], data[1], data[2], data[3]
    height, width = first.shape
    stride = _stride(width)
    line = width + 2 * BORDER
    places = np.empty(width, np.int32)
    weights = np.empty((8, width), np.float32)
    warped = np.empty((width, 3), np.float32)
    least, most_x, most_y = np.float32(-3), np.float32(width + 1), np.float32(height + 1)
    for y in range(height):
        row = U((y + 1) * stride + MARGIN)
        # Positions and weights. This loop is vectorised.
        for x in range(U(width)):
            px = min(max(np.float32(x) + u1[row + x], least), most_x)
            py = min(max(np.float32(y) + u2[row + x], least), most_y)
            left, top = np.floor(px), np.floor(py)
            corner = (np.int32(top) + np.int32(3)) * np.int32(line) + np.int32(left) + np.int32(3)
            places[x] = np.int32(3) * corner
            weights[0, x], weights[1, x], weights[2, x], weights[3, x] = _bicubic(px - left)
            weights[4, x], weights[5, x], weights[6, x], weights[7, x] = _bicubic(py - top)
        # The 16 samples, one pixel at a time.
        for x in range(U(width)):
            at = U(places[x])
            value = dx = dy = ZERO
            for j in range(U(4)):
                row_value = row_dx = row_dy = ZERO
                for i in range(U(4)):
                    weight = weights[i, x]
                    tap = at + U(3) * i
                    row_value += weight * packed[tap]
                    row_dx += weight * packed[tap + U(1)]
                    row_dy += weight * packed[tap + U(2)]
                weight = weights[U(4) + j, x]
                value += weight * row_value
                dx += weight * row_dx
                dy += weight * row_dy
                at += U(3 * line)
            warped[x, 0], warped[x, 1], warped[x, 2] = value, dx, dy
        for x in range(U(width)):
            value, dx, dy = warped[x, 0], warped[x, 1], warped[x, 2]
            squared = dx * dx + dy * dy
            wx[row + x] = dx
            wy[row + x] = dy
            inverse[row + x] = ONE / squared if squared > FLAT else ZERO
            moved = dx * u1[row + x] + dy * u2[row + x]
            rho[row + x] = value - moved - first[y, x]


@compiled
def _iterate(data, u, p, inside, height, width, tau, lambda_, theta):
    """Does one iteration in place and returns the sum of squared changes of the flow.

    It updates the flow by thresholding and the divergence of the dual variables, and then updates
    the dual variables, which are stored multiplied by theta. The dual variables outside the image
    stay 0, so that the divergence is correct in the first row and column. The flow beyond the last
    row and column equals the flow inside, so that the gradient is 0 there.
    """
    wx, wy, rho, inverse = data[0], data[1], data[2], data[3]
    u1, u2 = u[0], u[1]
    p11, p12, p21, p22 = p[0], p[1], p[2], p[3]
    limit, step = lambda_ * theta, tau / theta
    columns = U((width + LANES - 1) // LANES * LANES)
    stride = U(_stride(width))
    total = 0.0
    for y in range(height + 1):
        row = U(y + 1) * stride + U(MARGIN)
        above = row - stride
        if y < height:
            left = row - U(1)
            change = ZERO
            for x in range(columns):
                v1, v2 = u1[row + x], u2[row + x]
                gx, gy = wx[row + x], wy[row + x]
                d = -(rho[row + x] + gx * v1 + gy * v2) * inverse[row + x]
                d = min(max(d, -limit), limit)
                d1 = d * gx + (p11[row + x] - p11[left + x] + p12[row + x] - p12[above + x])
                d2 = d * gy + (p21[row + x] - p21[left + x] + p22[row + x] - p22[above + x])
                u1[row + x] = v1 + d1
                u2[row + x] = v2 + d2
                change += d1 * d1 + d2 * d2
            total += change
            beyond = row + U(width)
            u1[beyond], u2[beyond] = u1[beyond - U(1)], u2[beyond - U(1)]
        if y > 0:
            below = row if y < height else above
            _update_dual(u1, p11, p12, above, below, columns, inside, tau, step)
            _update_dual(u2, p21, p22, above, below, columns, inside, tau, step)
    return total


@inlined
def _update_dual(u, p1, p2, row, below, columns, inside, tau, step):
    right = row + U(1)
    for x in range(columns):
        dx, dy = u[right + x] - u[row + x], u[below + x] - u[row + x]
        shrink = inside[x] / (ONE + step * np.sqrt(dx * dx + dy * dy))
        p1[row + x] = (p1[row + x] + tau * dx) * shrink
        p2[row + x] = (p2[row + x] + tau * dy) * shrink


@inlined
def _order(a, b):
    return min(a, b), max(a, b)


@inlined
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


@inlined
def _median13(a, b, c, d, e, f, g, h, i, j, k, m, n):
    """The median of 13 values with a <= h, b <= g, c <= f and d <= e, by elimination. Among a to h,
    neither the smallest, which is one of a to d, nor the largest, which is one of e to h, is the
    median. The same holds for the 6 remaining values with i, and so on."""
    # b to g remain, and i is added.
    a, b = _order(a, b)
    a, c = _order(a, c)
    d = max(a, d)
    e, h = _order(e, h)
    f, h = _order(f, h)
    g = min(g, h)
    b, i = _order(b, i)
    c, g = _order(c, g)
    d, f = _order(d, f)
    # c to g remain, and j is added.
    b, c = _order(b, c)
    b, d = _order(b, d)
    e = max(b, e)
    e, i = _order(e, i)
    f, i = _order(f, i)
    g = min(g, i)
    c, j = _order(c, j)
    d, g = _order(d, g)
    e, f = _order(e, f)
    # d to g remain, and k is added.
    c, d = _order(c, d)
    e = max(c, e)
    f, j = _order(f, j)
    g = min(g, j)
    d, k = _order(d, k)
    e, g = _order(e, g)
    # e, f and g remain, and m is added.
    d, e = _order(d, e)
    f = max(d, f)
    f, k = _order(f, k)
    g = min(g, k)
    e, m = _order(e, m)
    f, g = _order(f, g)
    # f and g remain, and n is added.
    f, g = _order(max(e, f), min(g, m))
    return max(f, min(g, n))


@inlined
def _sorted_row(rows, i, x):
    return _sort5(
        rows[i, x - U(2)], rows[i, x - U(1)], rows[i, x], rows[i, x + U(1)], rows[i, x + U(2)]
    )


@compiled
def _median(u, filtered, height, width):
    """The median filter of 5x5 pixels, with a repeated border."""
    stride = _stride(width)
    columns = np.empty((5, stride), np.float32)
    for y in range(height):
        r0 = U((max(y - 2, 0) + 1) * stride + MARGIN)
        r1 = U((max(y - 1, 0) + 1) * stride + MARGIN)
        r2 = U((y + 1) * stride + MARGIN)
        r3 = U((min(y + 1, height - 1) + 1) * stride + MARGIN)
        r4 = U((min(y + 2, height - 1) + 1) * stride + MARGIN)
        # Each column of five pixels is sorted once for the five medians that share it.
        for x in range(U(width)):
            at = x + U(MARGIN)
            columns[0, at], columns[1, at], columns[2, at], columns[3, at], columns[4, at] = _sort5(
                u[r0 + x], u[r1 + x], u[r2 + x], u[r3 + x], u[r4 + x]
            )
        end = MARGIN + width
        for row in range(5):
            columns[row, MARGIN - 2] = columns[row, MARGIN - 1] = columns[row, MARGIN]
            columns[row, end] = columns[row, end + 1] = columns[row, end - 1]
        # After sorting rows and columns, 6 of the 25 values have more than 12 values that are not
        # smaller, and 6 have more than 12 that are not larger. The median of the other 13 is the
        # median of all.
        for x in range(U(width)):
            at = x + U(MARGIN)
            _, _, _, v03, v04 = _sorted_row(columns, 0, at)
            _, _, v12, v13, v14 = _sorted_row(columns, 1, at)
            _, v21, v22, v23, _ = _sorted_row(columns, 2, at)
            v30, v31, v32, _, _ = _sorted_row(columns, 3, at)
            v40, v41, _, _, _ = _sorted_row(columns, 4, at)
            filtered[r2 + x] = _median13(
                v03, v12, v21, v30, v41, v32, v23, v14, v04, v13, v22, v31, v40
            )
