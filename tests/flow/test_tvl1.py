"""Compares the compiled TV-L1 with OpenCV, as a whole and part by part."""

import itertools
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from motionfit.flow import compute_flow, tvl1_compiled
from motionfit.flow.parameters import TVL1, level_sizes
from motionfit.store.video import decode
from tests.flow.test_flow import textured


@pytest.fixture
def clip(shared_data) -> np.ndarray:
    """The frames of a real video, (T, H, W) grey."""
    video = next(iter(sorted((shared_data / "real-samples").rglob("*.avi"))))
    frames = itertools.islice(decode(video, (64, 86)), 6)
    return np.stack([cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames])


def padded(image: np.ndarray) -> np.ndarray:
    """An image in the layout of the compiled functions."""
    height, width = image.shape
    flat = np.zeros((height + 2, tvl1_compiled._stride(width)), np.float32)
    flat[1:-1, tvl1_compiled.MARGIN : tvl1_compiled.MARGIN + width] = image
    return flat.ravel()


def unpadded(flat: np.ndarray, height: int, width: int) -> np.ndarray:
    rows = flat.reshape(height + 2, -1)
    return rows[1:-1, tvl1_compiled.MARGIN : tvl1_compiled.MARGIN + width]


@pytest.mark.parametrize("method", ["tvl1", "tvl1_gpu"])
def test_it_is_opencvs_flow(clip, method):
    reference = compute_flow(clip, "opencv")
    difference = np.linalg.norm(compute_flow(clip, method) - reference, axis=-1)
    # Where the solution is unstable, the order of additions decides, so single pixels differ.
    assert difference.mean() < 0.03
    assert np.percentile(difference, 90) < 0.05


def test_it_is_opencvs_flow_on_rubber_whale(shared_data):
    """On a large frame, few pixels are unstable, and all parts of the algorithm matter."""
    folder = shared_data / "optflow"
    frames = np.stack(
        [cv2.imread(str(folder / f"RubberWhale{i}.png"), cv2.IMREAD_GRAYSCALE) for i in (1, 2)]
    )
    truth = cv2.readOpticalFlow(str(folder / "RubberWhale.flo"))
    known = np.abs(truth).max(axis=-1) < 1e3
    reference = compute_flow(frames, "opencv")[0]
    for method in ("tvl1", "tvl1_gpu"):
        flow = compute_flow(frames, method)[0]
        # OpenCV's own results with and without AVX2 differ by 0.005.
        assert np.linalg.norm(flow - reference, axis=-1).mean() < 0.007, method
        error = np.linalg.norm(flow - truth, axis=-1)[known].mean()
        assert error == pytest.approx(0.1562, abs=0.001), method
    unfiltered = compute_flow(frames, "tvl1", outer_iterations=1, inner_iterations=300)[0]
    assert np.linalg.norm(unfiltered - reference, axis=-1).mean() > 0.007


@pytest.mark.parametrize("method", ["tvl1", "tvl1_gpu"])
@pytest.mark.parametrize(
    "parameters",
    [
        {"lambda_": 0.05},
        {"theta": 0.1},
        {"tau": 0.1},
        {"scales": 2},
        {"warps": 1},
        {"epsilon": 0.05},
        {"inner_iterations": 3, "outer_iterations": 2},
        {"scale_step": 0.5},
    ],
)
def test_its_parameters_are_opencvs(parameters, method):
    frame = textured()
    frames = np.stack([frame, np.roll(frame, (1, 2), axis=(0, 1))])
    plain, reference = (compute_flow(frames, "opencv", **p) for p in ({}, parameters))
    difference = np.abs(compute_flow(frames, method, **parameters) - reference).mean()
    assert difference < 0.01
    assert difference < 0.5 * np.abs(plain - reference).mean()


def test_the_median_of_13_by_the_zero_one_principle():
    """A sorting network is correct for all values if it is correct for all zeros and ones."""
    for bits in itertools.product((0.0, 1.0), repeat=13):
        pairs = [sorted((bits[i], bits[7 - i])) for i in range(4)]  # the function expects them
        smaller, larger = zip(*pairs, strict=True)
        assert tvl1_compiled._median13(*smaller, *larger[::-1], *bits[8:]) == (sum(bits) >= 7)


@pytest.mark.parametrize("size", [(5, 5), (20, 31), (3, 40), (16, 2), (1, 1)])
@pytest.mark.parametrize("values", [2, 1000])
def test_the_median_is_opencvs(size, values):
    image = np.random.default_rng(0).integers(0, values, size).astype(np.float32)
    flat, filtered = padded(image), padded(image * 0)
    tvl1_compiled._median(flat, filtered, *size)
    assert np.array_equal(unpadded(filtered, *size), cv2.medianBlur(image, 5))


def test_the_pyramid_is_opencvs():
    frame = textured(63, 85)
    sizes = level_sizes(63, 85, TVL1())
    assert sizes == [(63, 85), (50, 68), (40, 54), (32, 43), (26, 34)]
    expected = frame.astype(np.float32)
    for level in tvl1_compiled._pyramid(frame, np.array(sizes), 1.25):
        np.testing.assert_allclose(level, expected, atol=1e-3)
        expected = cv2.resize(expected, None, fx=0.8, fy=0.8)


def test_warping_is_opencvs_bicubic_and_zero_outside():
    height, width = 23, 37
    rng = np.random.default_rng(0)
    first, second = rng.uniform(0, 255, (2, height, width)).astype(np.float32)
    u, v = rng.normal(0, 6, (2, height, width)).astype(np.float32)
    u[0, :2], v[5, :2] = 1e4, -1e4  # far outside
    flow = np.stack([padded(u), padded(v)])
    data = np.zeros((4, flow.shape[1]), np.float32)
    tvl1_compiled._warp(first, tvl1_compiled._pack(second), flow, data)
    wx, wy, rho, inverse = (unpadded(x, height, width) for x in data)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    dx = cv2.filter2D(second, -1, np.array([[-0.5, 0, 0.5]]), borderType=cv2.BORDER_REPLICATE)
    dy = cv2.filter2D(second, -1, np.array([[-0.5], [0], [0.5]]), borderType=cv2.BORDER_REPLICATE)
    warped, dx, dy = (
        cv2.remap(image, x + u, y + v, cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT)
        for image in (second, dx, dy)
    )
    np.testing.assert_allclose(wx, dx, atol=1e-2)
    np.testing.assert_allclose(wy, dy, atol=1e-2)
    near = np.abs(u) < 1e3
    near &= np.abs(v) < 1e3
    np.testing.assert_allclose(rho[near], (warped - dx * u - dy * v - first)[near], atol=0.1)
    np.testing.assert_allclose(inverse[0, :2], 0)
    squared = dx**2 + dy**2
    sloping = squared > 1
    np.testing.assert_allclose(inverse[sloping], 1 / squared[sloping], rtol=1e-2)


def test_a_pair_of_a_batch_is_what_it_is_alone(clip):
    """Each pair converges by itself: a still pair stops long before a moving one."""
    still = clip[0]
    frames = np.stack([clip[0], still, clip[1], clip[2], clip[5]])
    together = compute_flow(frames, "tvl1_gpu")
    for i in range(4):
        alone = compute_flow(frames[i : i + 2], "tvl1_gpu")[0]
        assert np.abs(together[i] - alone).mean() < 0.01
    assert np.abs(together[0]).max() < 1e-3


ROOT = Path(__file__).resolve().parents[2]

NO_TRITON = "PyTorch without GPU support comes without Triton"

INTERPRETED = """
import numpy as np, torch, triton
import triton.language as tl
from motionfit.flow import tvl1_gpu, tvl1_kernels
from motionfit.flow.parameters import TVL1
from tests.flow.test_flow import textured

frame = textured(11, 13)
frames = np.stack([frame, frame, np.roll(frame, (1, 2), axis=(0, 1))])
first, second = (torch.from_numpy(f).float() for f in (frames[:-1], frames[1:]))
images = torch.stack([second, *tvl1_gpu.central_differences(second)], dim=1)
start = torch.from_numpy(np.random.default_rng(0).normal(0, 2, (2, 2, 11, 13))).float()
start[0] = 0  # the first pair is still and converges at once
by_kernel, by_torch = start.clone(), start.clone()
parameters = TVL1(warps=2, inner_iterations=3, outer_iterations=2)
tvl1_kernels.BLOCK = 32  # several blocks, with rows that cross their borders
tvl1_kernels.MEDIAN_BLOCK = 64
tvl1_kernels.solve(first, images, by_kernel, parameters)
tvl1_gpu.solve(first, images, by_torch, parameters)
assert by_kernel[0].abs().max() < 1e-4
assert (by_torch[1] - start[1]).abs().mean() > 0.5
assert (by_kernel - by_torch).abs().max() < 1e-3, (by_kernel - by_torch).abs().max()
"""

MEDIAN_OF_13 = """
import torch, triton
import triton.language as tl
from motionfit.flow.tvl1_kernels import _median13

@triton.jit
def median(v, result):
    v += tl.arange(0, 8192)
    tl.store(result + tl.arange(0, 8192), _median13(
        tl.load(v), tl.load(v + 8192), tl.load(v + 2 * 8192), tl.load(v + 3 * 8192),
        tl.load(v + 4 * 8192), tl.load(v + 5 * 8192), tl.load(v + 6 * 8192),
        tl.load(v + 7 * 8192), tl.load(v + 8 * 8192), tl.load(v + 9 * 8192),
        tl.load(v + 10 * 8192), tl.load(v + 11 * 8192), tl.load(v + 12 * 8192)))

bits = (torch.arange(8192) >> torch.arange(13)[:, None] & 1).float()
pairs = torch.stack([bits[:4], bits[4:8].flip(0)]).sort(0).values  # the function expects them
bits[:8] = torch.cat([pairs[0], pairs[1].flip(0)])
result = torch.empty(8192)
median[(1,)](bits.contiguous(), result)
assert torch.equal(result, (bits.sum(0) >= 7).float())
"""


@pytest.mark.parametrize(
    "script",
    [pytest.param(INTERPRETED, id="plain pytorch"), pytest.param(MEDIAN_OF_13, id="median of 13")],
)
def test_the_gpu_kernels_are_right(tmp_path, script):
    """With Triton's interpreter, which needs no GPU."""
    pytest.importorskip("triton", reason=NO_TRITON)
    file = tmp_path / "script.py"  # Triton reads its functions' source
    file.write_text(script)
    environment = os.environ | {"TRITON_INTERPRET": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, str(file)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_gpu_kernels_compile():
    triton = pytest.importorskip("triton", reason=NO_TRITON)
    from triton.backends.compiler import GPUTarget

    from motionfit.flow import tvl1_kernels

    pointers = dict.fromkeys(["frame", "images", "flow", "filtered", "data", "p"], "*fp32")
    numbers = dict.fromkeys(["tolerance", "tau", "lambda_", "theta"], "fp32")
    counts = ["height", "width", "warps", "outer_iterations", "inner_iterations"]
    blocks = {"BLOCK": tvl1_kernels.BLOCK, "MEDIAN_BLOCK": tvl1_kernels.MEDIAN_BLOCK}
    source = triton.compiler.ASTSource(
        tvl1_kernels._solve,
        pointers | numbers | dict.fromkeys(counts, "i32") | dict.fromkeys(blocks, "constexpr"),
        blocks,
    )
    compiled = triton.compile(
        source, target=GPUTarget("cuda", 90, 32), options={"num_warps": tvl1_kernels.WARPS}
    )
    assert compiled.asm["cubin"]
