"""Writes MP4 files."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from motionfit.files import replacing


@contextmanager
def mp4_writer(
    path: Path, size: tuple[int, int], rate: Fraction
) -> Iterator[Callable[[np.ndarray], None]]:
    """Opens an H.264 video of `size` (H, W) and yields a function that writes one frame to it,
    (H, W, 3) uint8 RGB."""
    height, width = size
    with replacing(path) as temporary, av.open(str(temporary), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": "18"})
        # The codec stores colours at half the resolution, so both sides have to be even.
        stream.height, stream.width = height + height % 2, width + width % 2
        stream.pix_fmt = "yuv420p"

        def write(frame: np.ndarray) -> None:
            even = np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
            container.mux(stream.encode(av.VideoFrame.from_ndarray(even, format="rgb24")))

        yield write
        container.mux(stream.encode())
