"""What a training runs on does not change what it learns, except for rounding."""

import copy
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor, nn
from torch._dynamo.utils import counters

from motionfit.cli import main
from motionfit.clips.encoding import DecodedClips, EncodedClips
from motionfit.config import MotionModel, Network, SelfTraining, Training, TrainingResources
from motionfit.datasets.index import write_index
from motionfit.errors import MotionFitError
from motionfit.models import build_network, load_model
from motionfit.models.network import VideoNetwork
from motionfit.training.compute import Compute, TimePaddedConv3d, WholeBatchNorm, replace_layers
from motionfit.training.data import Batch
from motionfit.training.objective import ClipLosses
from tests.training.setups import ONE, SHORT, make_store, run_training
from tests.videos import make_index

ROOT = Path(__file__).resolve().parents[2]


# With much noise and a small learning rate, rounding errors hardly grow from step to step. The
# tests compare how far the weights have moved, so a wrong gradient shows at any learning rate.
NOISE = 3.0
CALM = {"learning_rate": 1e-4}


@pytest.fixture
def flow(tmp_path):
    return make_store(tmp_path / "flow", noise=NOISE)


def losses(folder: Path) -> list[float]:
    """The loss of each step."""
    events = EventAccumulator(str(folder / "tensorboard")).Reload()
    return [event.value for event in events.Scalars("step_loss")]


def movement(network: VideoNetwork) -> Tensor:
    """(P,): how far a training has moved the weights of a network, without its classifier."""
    start = build_network("r2plus1d_small", "flow", 2, 0)
    ends = dict(network.named_parameters())
    return torch.cat(
        [
            (ends[name] - weight).detach().flatten()
            for name, weight in start.named_parameters()
            if not name.startswith("fc.")
        ]
    )


def distance(one: Tensor, other: Tensor) -> float:
    """The length of the difference, relative to that of `one`."""
    return float((other - one).norm() / one.norm())


# ------------------------------------------------------------------------------- several processes


@pytest.fixture
def command(tmp_path):
    """Arguments of a training without devices and output. It has 9 videos in batches of 4, so the
    last batch is one video, and 4 validation videos."""
    make_store(tmp_path / "flow", 13, NOISE)
    labels = {f"v{i:02d}": "left" if i % 2 else "right" for i in range(13)}
    write_index(make_index(labels), tmp_path / "index.csv")
    training = {**SHORT, **CALM, "epochs": 2, "validation_fraction": 0.25, "accumulate": 2}
    recipe = MotionModel(
        dataset="d",
        flow="f",
        network=Network(backbone="r2plus1d_small", clip_length=4),
        training=Training(**training),
    )
    return [
        "motion_model",
        "--recipe",
        recipe.to_json(),
        "--split",
        "1",
        "--index",
        str(tmp_path / "index.csv"),
        "--clips-folder",
        str(tmp_path / "flow"),
    ]


def start(arguments: list[str]) -> subprocess.Popen:
    """A process of `python -m` with these arguments."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-m", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
    )


def check_same(tmp_path: Path) -> None:
    """Checks that the models `one` and `two` have seen and learned the same."""
    histories = [pd.read_csv(tmp_path / name / "history.csv") for name in ("one", "two")]
    assert histories[0]["train_accuracy"].notna().all()
    values = ["train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "skipped"]
    pd.testing.assert_frame_equal(*(h[values] for h in histories), rtol=1e-4, atol=1e-5)
    assert losses(tmp_path / "one") == pytest.approx(losses(tmp_path / "two"), rel=1e-3)
    one, two = (load_model(tmp_path / name / "model.pt")[0] for name in ("one", "two"))
    assert distance(movement(one), movement(two)) < 0.02
    for name, tensor in one.state_dict().items():
        torch.testing.assert_close(tensor, two.state_dict()[name], rtol=1e-3, atol=1e-4)
    machine = json.loads((tmp_path / "two" / "run.json").read_text())["machine"]
    assert machine["processes"] == 2


@pytest.mark.parametrize("ema", [None, pytest.param(0.9, marks=pytest.mark.long)])
def test_two_processes_learn_what_one_does(tmp_path, command, ema):
    """This needs synchronised batch normalisation, each sample exactly once, and the gradients of
    the whole batch."""
    recipe = json.loads(command[2])
    recipe["training"]["ema"] = ema
    command[2] = json.dumps(recipe)

    def arguments(name: str, devices: int) -> list[str]:
        output = ["--output", str(tmp_path / name / "model.pt"), "--threads", "1"]
        log = ["--log", str(tmp_path / f"{name}.log")]
        return ["stage", *log, *command, *output, "--devices", str(devices)]

    assert main(arguments("one", devices=1)) == 0
    process = start(["motionfit", *arguments("two", devices=2)])
    assert process.wait() == 0, process.stdout.read()
    check_same(tmp_path)
    assert "process1" in " ".join(path.name for path in tmp_path.iterdir())


@pytest.mark.long
def test_two_machines_that_torchrun_has_started_learn_what_one_does(tmp_path, command):
    output = ["--threads", "1", "--output"]
    alone = start(["motionfit", "stage", *command, *output, str(tmp_path / "one" / "model.pt")])
    assert alone.wait() == 0, alone.stdout.read()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    torchrun = [
        "torch.distributed.run",
        "--nnodes",
        "2",
        "--nproc-per-node",
        "1",
        "--master-addr",
        "127.0.0.1",
        "--master-port",
        str(port),
    ]
    both = [
        start(
            [
                *torchrun,
                "--node-rank",
                str(rank),
                "-m",
                "motionfit",
                "stage",
                *command,
                *output,
                str(tmp_path / "two" / "model.pt"),
                "--nodes",
                "2",
            ]
        )
        for rank in range(2)
    ]
    for process in both:
        assert process.wait() == 0, process.stdout.read()
    check_same(tmp_path)


@pytest.mark.long
def test_several_processes_end_with_the_first_and_one_goes_on(tmp_path, command):
    recipe = json.loads(command[2])
    recipe["training"]["epochs"] = 200
    arguments = [
        command[0],
        command[1],
        json.dumps(recipe),
        *command[3:],
        "--threads",
        "1",
        "--output",
        str(tmp_path / "model" / "model.pt"),
    ]
    first = start(["motionfit", "stage", *arguments, "--devices", "2"])
    history = tmp_path / "model" / "history.csv"
    until(history.exists)
    children = Path(f"/proc/{first.pid}/task/{first.pid}/children").read_text().split()
    # The other child is the resource tracker of multiprocessing.
    [second] = [
        child for child in children if "motionfit" in Path(f"/proc/{child}/cmdline").read_text()
    ]
    first.kill()
    first.wait()
    until(lambda: not Path(f"/proc/{second}").exists())
    alone = start(["motionfit", "stage", *arguments])
    begun = len(history.read_text().splitlines())
    until(lambda: len(history.read_text().splitlines()) > begun)
    alone.terminate()
    said = alone.communicate()[0]
    assert alone.returncode == 1
    assert "resuming in epoch" in said
    assert "asked to stop (SIGTERM)" in said


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.fixture
def alone(tmp_path):
    """A process group with this process alone, in which sums do not change a tensor."""
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{tmp_path / 'group'}", rank=0, world_size=1
    )
    yield
    torch.distributed.destroy_process_group()


def test_whole_batch_norm_is_batch_norm(alone):
    plain, whole = nn.BatchNorm3d(5), nn.Sequential(nn.BatchNorm3d(5))
    nn.init.uniform_(plain.weight)
    whole[0].load_state_dict(plain.state_dict())
    replace_layers(whole, nn.BatchNorm3d, WholeBatchNorm)
    generator = torch.Generator().manual_seed(0)
    x = 3 + 2 * torch.randn(4, 5, 2, 3, 3, generator=generator)
    inputs, outputs = [], []
    for norm in (plain, whole):
        inputs.append(x.clone().requires_grad_())
        outputs.append(norm(inputs[-1]))
        outputs[-1].square().mul(x).sum().backward()
    torch.testing.assert_close(*outputs)
    torch.testing.assert_close(inputs[0].grad, inputs[1].grad, rtol=1e-4, atol=1e-4)
    for name, tensor in plain.state_dict().items():
        torch.testing.assert_close(whole[0].state_dict()[name], tensor)
    for norm in (plain, whole):
        norm.eval()
    torch.testing.assert_close(plain(x), whole(x))


def test_whole_batch_norm_of_sixteen_bits(alone):
    norm = nn.Sequential(nn.BatchNorm3d(5))
    replace_layers(norm, nn.BatchNorm3d, WholeBatchNorm)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = norm(torch.randn(4, 5, 2, 3, 3).bfloat16())
        assert y.dtype == torch.bfloat16
        assert norm[0].running_mean.dtype == torch.float32
    y.float().sum().backward()
    assert torch.isfinite(norm[0].weight.grad).all()


# ------------------------------------------------------------------------------ parts of a batch


@pytest.mark.parametrize("weight", [1.0, 0.5])
def test_the_gradients_of_a_batchs_parts_add_up_to_its_own(weight):
    """Even if the parts have different numbers of clips with neighbours and with an order."""
    recipe = SelfTraining(multi_clip_weight=weight, neighbours="sum", clips_per_video=2, clip_gap=8)
    objective = ClipLosses(build_network("r2plus1d_small", "flow", 3, 0), "flow", recipe, 3)
    objective.eval()  # batch normalisation and dropout see a part at a time
    generator = torch.Generator().manual_seed(0)
    batch = Batch(
        DecodedClips(torch.randint(0, 255, (5, 2, 4, 16, 16, 2), generator=generator).byte()),
        torch.zeros(5, 2, dtype=torch.bool),
        labels=torch.randint(0, 3, (5, 2), generator=generator),
        neighbour_labels=torch.randint(-1, 3, (5, 2, 2), generator=generator),
        order=torch.tensor([0, 1, -1, -1, 1]),
        changes=torch.zeros(5, 2, 0),
    )
    whole, hits = objective(batch)
    whole.backward()
    gradients = {name: p.grad.clone() for name, p in objective.named_parameters()}
    objective.zero_grad()
    counts = objective.counts(batch)
    total, right = 0.0, torch.zeros(2)
    for rows in (slice(0, 1), slice(1, 5), slice(5, 5)):
        part = Batch(DecodedClips(batch.clips.pixels[rows]), *(x[rows] for x in batch[1:-1]))
        loss, of_part = objective(part, counts)
        loss.backward()
        total, right = total + loss.item(), right + of_part["accuracy"]
    assert total == pytest.approx(whole.item(), rel=1e-5)
    assert right.tolist() == hits["accuracy"].tolist()
    for name, parameter in objective.named_parameters():
        torch.testing.assert_close(parameter.grad, gradients[name], rtol=1e-4, atol=1e-6)


def test_more_parts_than_videos():
    with pytest.raises(ValueError, match="use at most as many parts as videos"):
        Training(batch_size=4, accumulate=5)


# ------------------------------------------------------------------------------ ways to compute


def first_step(folder: Path, flow: Path, compute: Compute = ONE, **recipe) -> tuple[float, Tensor]:
    """The loss of the first step of a training, with all videos in one batch, and the movement of
    the weights, which is the gradient times the learning rate."""
    step = {"epochs": 1, "batch_size": 12, "learning_rate": 0.002, "weight_decay": 0.0}
    network = run_training(folder, flow, compute, **step, **recipe)
    names = build_network("r2plus1d_small", "flow", 2, 0).state_dict().keys()
    assert network.state_dict().keys() == names
    assert {p.dtype for p in network.parameters()} == {torch.float32}
    [loss] = losses(folder)
    return loss, movement(network)


def check_close(tmp_path: Path, flow: Path, compute: Compute) -> None:
    """Checks that a step with these options has the loss and the gradient of a plain one, except
    for rounding, and gives the same kind of weights."""
    loss, moved = first_step(tmp_path / "plain", flow)
    other_loss, other_moved = first_step(tmp_path / "other", flow, compute)
    assert other_loss == pytest.approx(loss, rel=1e-4)
    assert distance(moved, other_moved) < 0.05  # rounding switches some ReLUs on or off


def test_channels_last(tmp_path, flow, monkeypatch):
    formats = []
    forward = ClipLosses.forward

    def spy(self, *rest):
        weight = self.network.layer1[0].conv1[0][0].weight
        formats.append(weight.is_contiguous(memory_format=torch.channels_last_3d))
        return forward(self, *rest)

    monkeypatch.setattr(ClipLosses, "forward", spy)
    chosen = replace(ONE, channels_last=True)
    check_close(tmp_path, flow, chosen)
    assert formats == [False, True]
    formats.clear()
    run_training(tmp_path / "longer", flow, chosen, epochs=2)
    assert formats == [True] * 6


def test_decoding_where_the_network_is(tmp_path, flow, monkeypatch):
    decoded = []
    decode = EncodedClips.on_device
    monkeypatch.setattr(
        EncodedClips, "on_device", lambda *args: decoded.append(args) or decode(*args)
    )
    check_close(tmp_path, flow, replace(ONE, gpu_decoding=True))
    assert len(decoded) == 1


def test_mixed_precision(tmp_path, flow, monkeypatch):
    """The network computes with 16 bits, and learns nearly the same as with 32."""
    types = []
    of_features = ClipLosses.losses

    def spy(self, features, *rest):
        types.append(features.dtype)
        return of_features(self, features, *rest)

    monkeypatch.setattr(ClipLosses, "losses", spy)
    loss, moved = first_step(tmp_path / "plain", flow)
    other_loss, other_moved = first_step(tmp_path / "other", flow, precision="bf16")
    assert types == [torch.float32, torch.bfloat16]
    assert loss != other_loss
    assert other_loss == pytest.approx(loss, rel=0.02)
    # Batch normalisation amplifies the rounding to 8 bits, so a third of the gradient is noise.
    assert torch.cosine_similarity(moved, other_moved, dim=0) > 0.8
    assert other_moved.norm() == pytest.approx(float(moved.norm()), rel=0.2)


@pytest.mark.parametrize(("kernel", "frames"), [(3, 1), (3, 2), (3, 3), (7, 4)])
def test_the_gradients_of_short_clips_at_16_bits(kernel, frames):
    """With so few frames that the kernel never fits, and memory that contained other numbers."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(8, 16, frames, 6, 6, generator=generator, requires_grad=True)
    plain = nn.Conv3d(16, 32, (kernel, 1, 1), padding=(kernel // 2, 0, 0))
    padded = nn.Sequential(copy.deepcopy(plain))
    replace_layers(padded, nn.Conv3d, TimePaddedConv3d)
    towards = torch.randn(plain(x).shape, generator=generator)
    for _ in range(4):
        del [torch.full((2**size,), 1e30) for size in range(8, 22)][:]
        gradients = []
        for network, sixteen in ((plain, False), (padded, True)):
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=sixteen):
                y = network(x)
            gradients.append(
                torch.autograd.grad(y, [x, *network.parameters()], towards.to(y.dtype))
            )
        for expected, found in zip(*gradients, strict=True):
            assert distance(expected, found) < 0.02


@pytest.mark.long
@pytest.mark.skipif(not shutil.which("g++"), reason="compiling needs g++")
def test_a_compiled_network(tmp_path, flow):
    counters.clear()
    check_close(tmp_path, flow, replace(ONE, compile=True))
    assert counters["frames"]["ok"] > 0
    run_training(tmp_path / "averaged", flow, replace(ONE, compile=True), epochs=1, ema=0.9)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_sixteen_bits_need_a_gpu(tmp_path, flow):
    with pytest.raises(MotionFitError, match="precision 16 needs a GPU: use bf16 or 32"):
        run_training(tmp_path / "out", flow, precision=16)


def test_more_gpus_than_there_are(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(MotionFitError, match=r"asks for 4 GPUs .* sees 1"):
        Compute(devices=4).fabric(32)


def test_several_machines_need_a_launcher():
    with pytest.raises(MotionFitError, match=r"started by srun .* or torchrun"):
        Compute(nodes=2).fabric(32)


def test_no_gpu_where_none_is_asked_for(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert Compute(devices=0).fabric(32).device.type == "cpu"


def test_resources_as_arguments():
    assert TrainingResources(gpu=0).options == "--devices 0"
    chosen = TrainingResources(gpu=4, compile=True, channels_last=True, gpu_decoding=True)
    assert chosen.options == "--devices 4 --compile --channels-last --gpu-decoding"


def test_the_folder_of_a_training_says_what_it_is_of(tmp_path, flow):
    run_training(tmp_path / "out", flow, epochs=1)
    about = json.loads((tmp_path / "out" / "run.json").read_text())
    assert about["identity"]["learning_rate"] == SHORT["learning_rate"]
    assert about["identity"]["seed"] == 0
    assert about["versions"]["torch"] == torch.__version__.split("+")[0]
    assert about["machine"]["processes"] == 1
    history = pd.read_csv(tmp_path / "out" / "history.csv")
    assert (history["clips_per_second"] > 0).all()
    assert history["waiting"].between(0, 1).all()
