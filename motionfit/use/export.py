"""Exports a model for use without this package: a graph and how to prepare its input."""

import logging
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from motionfit.errors import MotionFitError
from motionfit.files import replacing, write_json
from motionfit.models import SavedModel
from motionfit.models.network import VideoNetwork
from motionfit.use.embeddings import checksum
from motionfit.use.model import Model

Format = Literal["onnx", "torch"]
FILES: dict[str, str] = {"onnx": "model.onnx", "torch": "model.pt2"}
NEEDED = ("onnx", "onnxscript", "onnxruntime")
"""Packages of an export to ONNX."""
TOLERANCE = 1e-4
"""Largest difference of a probability between the exported graph and the model."""
BATCHES = (1, 3)
"""Numbers of clips that the exported graph is checked with."""

Run = Callable[[np.ndarray], np.ndarray]
"""Runs a graph: frames to probabilities."""


class FramesToProbabilities(nn.Module):
    """A network with its preparation: crops and normalises clips, and applies the softmax."""

    def __init__(self, network: VideoNetwork, about: SavedModel):
        super().__init__()
        self.network = network
        height, width = about.frame_size
        self._crop = about.crop
        self._top, self._left = (height - about.crop) // 2, (width - about.crop) // 2
        for name, values in (("mean", about.mean), ("std", about.std)):
            self.register_buffer(name, torch.tensor(values)[:, None, None, None])

    def forward(self, frames: Tensor) -> Tensor:
        """(B, L, H, W, 3) uint8 RGB to class probabilities (B, K)."""
        top, left, side = self._top, self._left, self._crop
        clips = frames[:, :, top : top + side, left : left + side]
        x = clips.permute(0, 4, 1, 2, 3).to(torch.float32) / 255
        return self.network((x - self.mean) / self.std).softmax(dim=1)


def export(model: Model, form: Format, folder: Path) -> float:
    """Writes the graph of a model, model.onnx or model.pt2, and preprocessing.json to a folder.

    The graph maps frames (B, L, H, W, 3) uint8 to probabilities (B, K), for any number of clips B.
    It is run on random clips before it gets its name. Returns the largest difference between its
    probabilities and those of the model.

    Raises MotionFitError if the model names no classes, if a package is missing, or if the
    difference is larger than `TOLERANCE`.
    """
    model.need_classes()
    if form == "onnx":
        need_packages()
    about = model.about
    graph = FramesToProbabilities(model.network.cpu(), about).eval().requires_grad_(False)
    height, width = about.frame_size
    rng = np.random.default_rng(0)
    shape = about.clip_length, height, width, 3
    clips = [rng.integers(0, 256, (n, *shape), dtype=np.uint8) for n in BATCHES]
    path = folder / FILES[form]
    with replacing(path) as temporary:
        run = {"onnx": write_onnx, "torch": write_torch}[form](graph, clips[-1], temporary)
        with torch.inference_mode():
            wrong = max(
                float(np.abs(run(c) - graph(torch.from_numpy(c)).numpy()).max()) for c in clips
            )
        if not wrong <= TOLERANCE:
            raise MotionFitError(
                f"the probabilities of the exported graph differ by {wrong:.1g} from those of "
                f"{model.path}, so it is not kept"
            )
    write_json(folder / "preprocessing.json", preprocessing(model))
    return wrong


def need_packages() -> None:
    """Raises MotionFitError if a package of an export to ONNX is missing."""
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        raise MotionFitError(
            f"an export to ONNX needs {', '.join(missing)}: pip install 'motionfit[export]'"
        )


def write_onnx(graph: FramesToProbabilities, example: np.ndarray, path: Path) -> Run:
    """Writes the graph as ONNX, in one file. Returns what runs the file in ONNX Runtime."""
    import onnxruntime

    for name in ("onnxscript", "onnx_ir"):  # they report each step
        logging.getLogger(name).setLevel(logging.WARNING)
    torch.onnx.export(
        graph,
        (torch.from_numpy(example),),
        path,
        input_names=["frames"],
        output_names=["probabilities"],
        dynamic_shapes={"frames": {0: torch.export.Dim("batch")}},
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda clips: session.run(None, {"frames": clips})[0]


def write_torch(graph: FramesToProbabilities, example: np.ndarray, path: Path) -> Run:
    """Writes the graph by torch.export. Returns what runs the file."""
    dynamic = {"frames": {0: torch.export.Dim("batch")}}
    program = torch.export.export(graph, (torch.from_numpy(example),), dynamic_shapes=dynamic)
    with path.open("wb") as file:  # by its name, the suffix would have to be .pt2
        torch.export.save(program, file)
    with path.open("rb") as file:
        module = torch.export.load(file).module()
    return lambda clips: module(torch.from_numpy(clips)).numpy()


def preprocessing(model: Model) -> dict[str, Any]:
    """Everything that is needed to use an exported graph without this package."""
    about = model.about
    height, width = about.frame_size
    return {
        "input": {
            "name": "frames",
            "type": "uint8",
            "layout": "batch, time, height, width, channel",
            "shape": ["batch", about.clip_length, height, width, 3],
            "channel_order": "RGB",
            "value_range": [0, 255],
        },
        "output": {
            "name": "probabilities",
            "type": "float32",
            "shape": ["batch", len(about.classes)],
            "softmax": "inside the graph, for each clip",
        },
        "classes": about.classes,
        "frame_size": [height, width],
        "resize": "the whole frame to frame_size (height, width) by area averaging, without "
        "keeping its proportions",
        "crop": {"size": about.crop, "place": "centre", "inside_graph": True},
        "normalisation": {
            "formula": "(value / 255 - mean) / std, by channel",
            "mean": about.mean,
            "std": about.std,
            "inside_graph": True,
        },
        "fps": about.fps,
        "fps_meaning": "frames per second to which a video with a higher rate is thinned; null: "
        "all frames are used",
        "training_fps": about.rate,
        "jpeg_quality": about.quality,
        "jpeg_meaning": "the model learned from frames compressed at this quality; `motionfit "
        "predict` compresses them too, which changes probabilities a little",
        "clip_length": about.clip_length,
        "clips": model.clips,
        "clip_starts": "round(linspace(0, max(frames - clip_length, 0), clips)); a clip that is "
        "longer than its video goes on with the first frame",
        "video_probabilities": "the mean of the probabilities of its clips (softmax first)",
        "model": {
            "sha256": checksum(model.path),
            "backbone": about.backbone,
            "history": about.history,
            "licence": about.licence,
            "versions": about.versions,
        },
    }
