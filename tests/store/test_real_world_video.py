"""Videos from cameras, web sites and broken disks."""

import re
import socket
import struct
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pytest

from motionfit.errors import MotionFitError
from motionfit.store.frames import store_frames
from motionfit.store.shards import Shards
from motionfit.store.video import MOST_ERRORS, UnreadableVideoError, decode
from tests.store.test_video import index_of
from tests.videos import encode_video, make_video

H, W = 96, 144


def quarters(frames: int = 12, height: int = H, width: int = W) -> np.ndarray:
    """Frames (T, H, W, 3) uint8 with red, green above blue, and grey areas, so that all rotations
    look different, and a white bar that moves downwards."""
    video = np.empty((frames, height, width, 3), np.uint8)
    video[:, : height // 2, : width // 2] = (200, 30, 30)
    video[:, : height // 2, width // 2 :] = (30, 180, 30)
    video[:, height // 2 :, : width // 2] = (30, 30, 200)
    video[:, height // 2 :, width // 2 :] = 120
    for t in range(frames):
        video[t, t * height // frames :][:2] = 255
    return video


def problem(path: Path, size=(48, 72), fps=None) -> tuple[int, str]:
    """The number of frames of a file, and the reported problem ('' if there is none)."""
    count = 0
    try:
        for _ in decode(path, size, fps):
            count += 1
    except UnreadableVideoError as error:
        return count, str(error)
    return count, ""


def difference(image: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(image.astype(int) - expected).mean())


def with_matrix(video: Path, matrix: tuple[int, int, int, int]) -> Path:
    """Writes a display matrix into an MP4 file, like a phone."""
    data = bytearray(video.read_bytes())
    place = data.index(b"tkhd") + 44
    a, b, c, d = (65536 * value for value in matrix)
    data[place : place + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    video.write_bytes(data)
    return video


@pytest.mark.parametrize(
    ("matrix", "stored"),
    [
        ((1, 0, 0, 1), lambda picture: picture),
        ((0, 1, -1, 0), lambda picture: np.rot90(picture)),  # shown turned to the right
        ((-1, 0, 0, -1), lambda picture: np.rot90(picture, 2)),
        ((0, -1, 1, 0), lambda picture: np.rot90(picture, 3)),
        ((-1, 0, 0, 1), lambda picture: picture[:, ::-1]),  # a front camera
        ((1, 0, 0, -1), lambda picture: picture[::-1]),
        ((0, 1, 1, 0), lambda picture: picture.swapaxes(0, 1)),
        ((0, -1, -1, 0), lambda picture: np.rot90(picture, 2).swapaxes(0, 1)),
    ],
)
def test_a_phone_video_is_upright(tmp_path, matrix, stored):
    pictures = quarters(3)
    video = encode_video(tmp_path / "a.mp4", np.stack([stored(p) for p in pictures]))
    with_matrix(video, matrix)
    for frame, picture in zip(decode(video, None), pictures, strict=True):
        assert frame.shape == picture.shape
        assert difference(frame, picture) < 8
    small = list(decode(video, (H // 2, W // 2)))
    assert small[0].shape == (H // 2, W // 2, 3)
    assert difference(small[0], pictures[0][::2, ::2]) < 12


@pytest.mark.parametrize(
    ("codec", "pixels", "suffix"),
    [
        ("libx264", "yuv420p10le", "mp4"),
        ("libx265", "yuv420p10le", "mkv"),
        ("libx264", "yuv444p", "mp4"),
        ("libvpx-vp9", "yuv444p", "webm"),
        ("libx264", "yuvj420p", "mp4"),
        ("mjpeg", "yuvj422p", "avi"),
        ("ffv1", "bgra", "mkv"),
        ("prores_ks", "yuv422p10le", "mov"),
    ],
)
def test_colours_of_all_kinds_of_pixels(tmp_path, codec, pixels, suffix):
    video = encode_video(tmp_path / f"a.{suffix}", quarters(4), codec, pixels)
    frames = list(decode(video, None))
    assert len(frames) == 4
    assert difference(frames[0], quarters(4)[0]) < 8


@pytest.mark.parametrize(("codec", "pixels"), [("libx264", "gray"), ("ffv1", "gray16le")])
def test_grey_video(tmp_path, codec, pixels):
    video = encode_video(tmp_path / "a.mkv", quarters(4), codec, pixels)
    frames = list(decode(video, None))
    grey = quarters(4)[0] @ (0.299, 0.587, 0.114)
    assert np.ptp(frames[0].astype(int), axis=-1).max() <= 2
    assert difference(frames[0], grey[..., None]) < 8


@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 3), (33, 47), (97, 33), (1, 131)])
def test_odd_sizes(tmp_path, height, width):
    video = encode_video(tmp_path / "a.mkv", quarters(4, height, width), "ffv1", "yuv420p")
    assert [frame.shape for frame in decode(video, None)] == [(height, width, 3)] * 4
    assert [frame.shape for frame in decode(video, (16, 24))] == [(16, 24, 3)] * 4


def brightness(path: Path, fps: float | None = None) -> list[int]:
    return [round(frame.mean() / 10) for frame in decode(path, None, fps)]


def stamped(path: Path, times: list[float]) -> Path:
    """A video whose frame i is shown at times[i] seconds and has brightness 10 i."""
    frames = np.stack([np.full((32, 48, 3), 10 * i, np.uint8) for i in range(len(times))])
    return encode_video(path, frames, times=times, container_options={"live": "1"})


def test_a_variable_rate_is_sampled_by_time_stamps(tmp_path):
    # A burst of 8 frames in a second, then one a second.
    times = [i / 8 for i in range(8)] + [1, 2, 3, 4, 5, 6]
    video = stamped(tmp_path / "a.mp4", times)
    assert brightness(video) == list(range(14))
    assert brightness(video, 1) == [0, 8, 9, 10, 11, 12, 13]
    assert brightness(video, 2) == [0, 4, 8, 9, 10, 11, 12, 13]


def test_time_stamps_that_jump_lose_no_frames(tmp_path):
    # A jump far ahead, as in a damaged file. The rest continues from there at its own rate.
    times = [i / 8 for i in range(8)] + [1e6 + i / 8 for i in range(8)]
    assert brightness(stamped(tmp_path / "a.mkv", times), 4) == list(range(0, 16, 2))


def test_without_time_stamps_the_frames_are_counted(tmp_path):
    video = stamped(tmp_path / "a.264", [i / 25 for i in range(20)])
    with av.open(str(video)) as container:
        assert next(container.decode(video=0)).pts is None
    assert brightness(video, 12.5) == list(range(0, 20, 2))


def test_time_stamps_out_of_order_in_avi(shared_data):
    # As in half of UCF101 and HMDB51: MPEG-4 with B-frames in AVI assigns time stamps to the wrong
    # frames.
    video = next((shared_data / "real-samples").rglob("v_ApplyEyeMakeup_g01_c01.avi"))
    frames = list(decode(video, (32, 48)))
    half = list(decode(video, (32, 48), 12.5))
    assert len(frames) == 164
    assert [np.array_equal(a, b) for a, b in zip(frames[::2], half, strict=True)] == [True] * 82


def test_audio_only(tmp_path):
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), "fltp", "mono")
        sound.rate = 8000
        container.mux(stream.encode(sound))
        container.mux(stream.encode())
    assert problem(path) == (0, "it has no video stream")


def test_a_codec_that_is_not_known(tmp_path):
    path = make_video(tmp_path / "a.mp4")
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzz1"))
    assert problem(path) == (0, "FFmpeg has no decoder for its video stream")


@pytest.mark.parametrize("suffix", ["mp4", "avi", "mkv", "webm", "264"])
@pytest.mark.parametrize("frames", [1, 2])
def test_one_and_two_frames(tmp_path, suffix, frames):
    codec = "libvpx" if suffix == "webm" else "libx264"
    video = encode_video(tmp_path / f"a.{suffix}", quarters(frames), codec)
    assert problem(video) == (frames, "")
    store_frames(index_of([video]), (16, 24), None, 90, tmp_path / "0000.h5")
    ledger = pd.read_csv(tmp_path / "0000.failed.csv")
    assert len(ledger) == (frames == 1)
    assert set(ledger["reason"]) <= {"it has one frame, and motion needs two"}


def test_a_colon_in_a_name_is_no_protocol(tmp_path, monkeypatch):
    make_video(tmp_path / "http:a.mp4")
    monkeypatch.chdir(tmp_path)
    assert problem(Path("http:a.mp4")) == (12, "")


@pytest.mark.parametrize("end", ["", "#EXT-X-ENDLIST\n"])  # a live one is read again and again
def test_a_playlist_opens_no_address(tmp_path, monkeypatch, end):
    monkeypatch.setattr("motionfit.store.video.PATIENCE", 1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}/a.ts"
        path = tmp_path / "a.m3u8"
        path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{address}\n{end}")
        count, reason = problem(path)
        assert count == 0
        assert reason
        server.settimeout(0)
        with pytest.raises(BlockingIOError):
            server.accept()


@pytest.mark.parametrize("suffix", ["264", "mkv", "webm", "ts"])
def test_no_duration_in_the_header(tmp_path, suffix):
    codec = "libvpx" if suffix == "webm" else "libx264"
    video = tmp_path / f"a.{suffix}"
    encode_video(video, quarters(30), codec, container_options={"live": "1"})
    with av.open(str(video)) as container:
        assert container.streams.video[0].frames == 0
        assert suffix == "ts" or container.duration is None
    assert problem(video) == (30, "")


def test_the_end_of_a_video_without_a_number_of_frames_is_missed(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (60, 32, 48, 3), dtype=np.uint8)
    video = encode_video(tmp_path / "a.mkv", noise)
    video.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    count, reason = problem(video)
    assert 20 < count < 40
    assert "of its 5.0 seconds" in reason


def test_a_change_of_the_resolution(tmp_path):
    parts = [encode_video(tmp_path / f"{n}.264", quarters(8, n, 2 * n)) for n in (64, 96, 48)]
    video = tmp_path / "a.264"
    video.write_bytes(b"".join(part.read_bytes() for part in parts))
    assert problem(video) == (24, "")
    count, reason = problem(video, None)
    assert count == 8
    assert reason == "its frames change from 128x64 to 192x96 pixels"


def test_a_trimmed_video_is_whole(tmp_path):
    whole = encode_video(tmp_path / "whole.mp4", quarters(40))
    trimmed = tmp_path / "trimmed.mp4"
    with av.open(str(whole)) as source, av.open(str(trimmed), "w") as container:
        stream = container.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                cut = round(1 / packet.time_base)  # the first second is not shown
                packet.pts, packet.dts = packet.pts - cut, packet.dts - cut
                container.mux(packet)
    assert problem(trimmed) == (28, "")


def damaged(video: Path, share: float = 0.5, count: int = 200) -> Path:
    """Overwrites `count` bytes of the video data, at a position given as a share of its length."""
    data = bytearray(video.read_bytes())
    place = int(share * len(data))
    noise = np.random.default_rng(0).integers(0, 256, count, dtype=np.uint8)
    data[place : place + count] = noise.tobytes()
    video.write_bytes(data)
    return video


@pytest.mark.parametrize(
    ("codec", "suffix", "least"),
    [
        ("libx264", "mp4", 50),
        ("mpeg4", "avi", 50),
        ("libvpx-vp9", "mp4", 20),
        ("mpeg2video", "ts", 50),
    ],
)
def test_bad_packets_in_the_middle_are_skipped_and_counted(tmp_path, codec, suffix, least):
    video = encode_video(tmp_path / f"a.{suffix}", quarters(60), codec)
    assert problem(video) == (60, "")
    store_frames(index_of([damaged(video)]), (48, 72), None, 90, tmp_path / "0000.h5")
    ledger = pd.read_csv(tmp_path / "0000.failed.csv")
    kept = Shards([tmp_path / "0000.h5"], "frames").length(video.name)
    assert ledger["frames_kept"].tolist() == [kept]
    assert kept >= least
    assert re.search(r"\d of its \d+ (packets|frames) (can't|are)", ledger["reason"][0])


def test_what_is_behind_a_bad_packet_is_right(tmp_path):
    video = encode_video(tmp_path / "a.avi", quarters(60), "mjpeg", "yuvj420p")
    whole = list(decode(video, None))
    with av.open(str(video)) as container:
        place = next(p.pos for p in container.demux(video=0) if p.pts == 30)
    data = bytearray(video.read_bytes())
    data[place + 8 : place + 200] = bytes(192)
    video.write_bytes(data)
    left = []
    with pytest.raises(UnreadableVideoError, match=r"^1 of its 60 packets can't be decoded \("):
        left.extend(decode(video, None))
    assert all(np.array_equal(a, b) for a, b in zip(whole[:30] + whole[31:], left, strict=True))


def test_a_video_of_nothing_but_bad_packets_is_given_up(tmp_path):
    video = encode_video(tmp_path / "a.mov", quarters(MOST_ERRORS + 50, 16, 16), "png", "rgb24")
    video.write_bytes(video.read_bytes().replace(b"\x89PNG", bytes(4)))
    count, reason = problem(video)
    assert count == 0
    assert reason.startswith(f"{MOST_ERRORS} of its {MOST_ERRORS} packets can't be decoded")


def test_absurd_sizes_are_refused(tmp_path):
    video = encode_video(tmp_path / "a.mkv", quarters(2, 256, 256), "ffv1")
    width_and_height = b"\xb0\x82\x01\x00\xba\x82\x01\x00"
    data = video.read_bytes()
    assert data.count(width_and_height) == 1
    video.write_bytes(data.replace(width_and_height, b"\xb0\x82\x3f\x00\xba\x82\x3f\x00"))
    assert problem(video) == (0, "its frames of 16128x16128 pixels are larger than 8K")


def test_absurd_sizes_in_the_middle_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("motionfit.store.video.LARGEST", 64 * 128)
    parts = [encode_video(tmp_path / f"{n}.264", quarters(8, n, 2 * n)) for n in (64, 96, 48)]
    video = tmp_path / "a.264"
    video.write_bytes(b"".join(part.read_bytes() for part in parts))
    count, reason = problem(video)
    assert count == 16
    assert reason.startswith("8 of its 24 packets can't be decoded")


def test_4k_takes_the_memory_of_few_frames(tmp_path):
    # 24 frames are 600 MB as RGB.
    fast = {"preset": "ultrafast"}
    frames = np.broadcast_to(quarters(1, 2160, 3840), (24, 2160, 3840, 3))
    video = encode_video(tmp_path / "a.mp4", frames, options=fast)
    code = (
        "import resource, sys; from pathlib import Path; from motionfit.store.video import decode;"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024;"
        "before = peak();"
        "print(sum(1 for _ in decode(Path(sys.argv[1]), (128, 171))), peak() - before)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, str(video)], check=True, capture_output=True, text=True
    )
    count, megabytes = map(int, result.stdout.split())
    assert count == 24
    assert megabytes < 300


def test_a_video_that_is_gone_is_not_lost_but_ends_the_stage(tmp_path):
    """As on a disk that is no longer mounted. Otherwise the video would be missing forever."""
    index = index_of([tmp_path / "gone.mp4"])
    with pytest.raises(MotionFitError, match=r"gone.mp4 can't be read \(No such file"):
        store_frames(index, (16, 24), None, 90, tmp_path / "0000.h5")
    assert not list(tmp_path.glob("0000*"))


def test_a_video_that_goes_while_it_is_read_ends_the_stage(tmp_path, monkeypatch):
    path = make_video(tmp_path / "v.mp4", frames=5)

    def decode(*_):
        yield np.zeros((16, 24, 3), np.uint8)
        path.unlink()
        raise UnreadableVideoError("Input/output error")

    monkeypatch.setattr("motionfit.store.frames.decode", decode)
    with pytest.raises(MotionFitError, match=r"v.mp4 can't be read \(No such file"):
        store_frames(index_of([path]), (16, 24), None, 90, tmp_path / "0000.h5")
