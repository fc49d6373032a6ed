"""Measures the time and peak memory of `motionfit predict` on long videos.

    python benchmarks/predict.py [--minutes 5 30] [--size 360x640]

The script writes videos of the given lengths, at 25 frames per second, and classifies each with an
untrained R(2+1)D-18 of 400 classes with a crop of 112 pixels.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import av
import numpy as np

from motionfit.modality import Modality
from motionfit.models import Learned, SavedModel, build_network, save_model

RATE = 25
CLASSES = [f"class {i}" for i in range(400)]


def write_long_video(path: Path, minutes: float, height: int, width: int) -> None:
    """Writes a video of a moving noise texture."""
    texture = np.random.default_rng(0).integers(0, 256, (height, 2 * width, 3), dtype=np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", RATE, options={"preset": "ultrafast", "crf": "40"})
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        for t in range(round(minutes * 60 * RATE)):
            left = t * 2 % width
            image = np.ascontiguousarray(texture[:, left : left + width])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, nargs="+", default=[5, 30])
    parser.add_argument("--size", default="360x640")
    args = parser.parse_args()
    height, width = map(int, args.size.split("x"))
    about = SavedModel(
        backbone="r2plus1d_18",
        modality=Modality.FRAMES,
        classes=CLASSES,
        clip_length=16,
        frame_size=[128, 171],
        crop=112,
        quality=95,
        rate=25.0,
        learned=Learned.LABELS,
        split=1,
        recipe="{}",
        clips=10,
    )
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder, "model.pt")
        save_model(build_network("r2plus1d_18", "frames", len(CLASSES), seed=0), about, model)
        for minutes in args.minutes:
            video = Path(folder, "long.mp4")
            write_long_video(video, minutes, height, width)
            command = [sys.executable, "-m", "motionfit", "predict", "--model", model, video]
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
            _, status, usage = os.wait4(process.pid, 0)
            if status:
                sys.exit(f"predict failed: {status}")
            print(
                f"{minutes:g} minutes of {args.size}: {usage.ru_maxrss / 2**20:.2f} GB at most, "
                f"{usage.ru_utime + usage.ru_stime:.0f} CPU seconds",
                flush=True,
            )


if __name__ == "__main__":
    main()
