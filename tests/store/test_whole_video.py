"""A video counts as damaged if and only if a part of its picture is missing."""

import io
import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from motionfit.store.video import announced_frames, decode, frame_rate
from tests.store.test_real_world_video import brightness, problem, quarters, stamped
from tests.videos import encode_video, make_video

RATE = 25
NOISE = np.random.default_rng(0).integers(0, 256, (100, 32, 48, 3), dtype=np.uint8)
STEADY = [i / RATE for i in range(100)]
BURST = (
    [i / RATE for i in range(30)] + [2 + i for i in range(5)] + [8 + i / RATE for i in range(30)]
)

FORMATS = [
    ("mkv", "libx264", "aac"),
    ("webm", "libvpx", "libopus"),
    ("mp4", "libx264", "aac"),
    ("mov", "mjpeg", "pcm_s16le"),
    ("ts", "libx264", "aac"),
    ("vob", "mpeg2video", "mp2"),
    ("flv", "libx264", "aac"),
    ("wmv", "wmv2", "mp2"),
    ("avi", "mpeg4", "mp2"),
]
IN_THE_HEADER = [kind for kind in FORMATS if kind[0] in ("mkv", "webm", "avi", "flv")]
"""Formats whose header contains the length of the video, and that can be decoded without their
end."""


def video_packets(container, codec: str, times: list[float]) -> list[av.Packet]:
    """A video of noise, since that is large, with a frame at each of `times` in seconds."""
    stream = container.add_stream(codec, rate=RATE, options={"threads": "1"})
    stream.height, stream.width = NOISE.shape[1:3]
    stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    unit = Fraction(1, 1000) if codec in ("libx264", "libvpx") else Fraction(1, RATE)
    stream.codec_context.time_base = unit
    packets = []
    for time, image in zip(times, NOISE, strict=False):
        frame = av.VideoFrame.from_ndarray(image, format="rgb24")
        frame.time_base, frame.pts = unit, round(time / unit)
        packets += stream.encode(frame)
    return packets + stream.encode()


def sound_packets(container, codec: str, begin: float, seconds: float) -> list[av.Packet]:
    stream = container.add_stream(codec, rate=48000)
    stream.layout = "mono"
    kind = "f4" if stream.format.name.startswith("flt") else "i2"
    size = stream.codec_context.frame_size or 1024
    packets = []
    for done in range(0, round(seconds * 48000), size):
        sound = av.AudioFrame.from_ndarray(np.zeros((1, size), kind), stream.format.name, "mono")
        sound.sample_rate, sound.time_base = 48000, Fraction(1, 48000)
        sound.pts = done + round(begin * 48000)
        packets += stream.encode(sound)
    return packets + stream.encode()


def subtitle_packets(container, kind: str, begin: int, seconds: int) -> list[av.Packet]:
    """The packets of one subtitle. kind: srt or vtt."""
    point = "," if kind == "srt" else "."
    times = (f"00:00:{time:02d}{point}000" for time in (begin, begin + seconds))
    text = ("" if kind == "srt" else "WEBVTT\n\n") + f"1\n{' --> '.join(times)}\nhello\n\n"
    with av.open(io.BytesIO(text.encode()), format=kind.replace("vtt", "webvtt")) as source:
        stream = container.add_stream_from_template(source.streams[0])
        packets = [packet for packet in source.demux() if packet.size]
    for packet in packets:
        packet.stream = stream
    return packets


def movie(
    path: Path,
    codec: str,
    times: list[float],
    sound: tuple[str, float, float] | None = None,
    subtitle: tuple[str, int, int] | None = None,
    shift: float = 0.0,
) -> Path:
    """A video of noise. sound, subtitle: codec, start and duration in seconds. shift: seconds that
    are added to all time stamps."""
    with av.open(str(path), "w") as container:
        packets = video_packets(container, codec, times)
        packets += sound_packets(container, *sound) if sound else []
        packets += subtitle_packets(container, *subtitle) if subtitle else []
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            packet.pts += round(shift / packet.time_base)
            packet.dts += round(shift / packet.time_base)
            container.mux(packet)
    return path


def cut(video: Path, share: float = 0.5) -> Path:
    data = video.read_bytes()
    shorter = video.with_name(f"cut-{video.name}")
    shorter.write_bytes(data[: int(share * len(data))])
    return shorter


@pytest.mark.parametrize(("suffix", "codec", "sound"), FORMATS)
@pytest.mark.parametrize(
    ("times", "begin", "seconds", "shift"),
    [
        (STEADY, 0, 9, 0),  # sound that is longer than the picture
        (STEADY, 6, 2, 0),  # and later
        (STEADY, 0, 1, 0),  # and shorter
        ([4 + time for time in STEADY], 0, 8, 0),  # a picture that begins late
        (STEADY, 0, 4, 100),  # time stamps that begin at 100 s
        (BURST, 0, 12, 0),  # a variable rate
        ([5 * i for i in range(12)], 0, 2, 0),  # a time lapse
    ],
)
def test_sound_and_time_stamps_are_no_damage(
    tmp_path, suffix, codec, sound, times, begin, seconds, shift
):
    video = movie(tmp_path / f"a.{suffix}", codec, times, (sound, begin, seconds), shift=shift)
    assert problem(video) == (len(times), "")


@pytest.mark.parametrize(("suffix", "codec"), [kind[:2] for kind in FORMATS])
@pytest.mark.parametrize(
    ("times", "shift"),
    [
        (STEADY, 0),
        (STEADY, 100),
        ([time - 2 for time in STEADY], 0),
        ([30 * i for i in range(6)], 0),
        (BURST, 0),
    ],
)
def test_a_picture_alone_is_whole(tmp_path, suffix, codec, times, shift):
    video = movie(tmp_path / f"a.{suffix}", codec, times, shift=shift)
    count, reason = problem(video)
    assert reason == ""
    # An edit list hides what lies before the time 0.
    shown = [time for time in times if time >= 0] if suffix in ("mp4", "mov") else times
    assert count == len(shown)


@pytest.mark.parametrize(("suffix", "kind"), [("mkv", "srt"), ("webm", "vtt")])
@pytest.mark.parametrize(("begin", "seconds"), [(0, 20), (15, 2)])
def test_subtitles_that_are_longer_or_later_are_no_damage(tmp_path, suffix, kind, begin, seconds):
    codec = "libvpx" if suffix == "webm" else "libx264"
    video = movie(tmp_path / f"a.{suffix}", codec, STEADY, subtitle=(kind, begin, seconds))
    assert problem(video) == (100, "")
    assert problem(cut(video))[1] != ""


def test_a_last_frame_that_is_shown_for_long(tmp_path):
    video = movie(tmp_path / "a.mkv", "libx264", STEADY)
    data = video.read_bytes()
    place = data.index(b"\x44\x89\x88") + 3  # the duration, a float of 8 bytes
    assert struct.unpack(">d", data[place : place + 8]) == (4000,)
    video.write_bytes(data[:place] + struct.pack(">d", 60000) + data[place + 8 :])
    assert problem(video) == (100, "")
    assert problem(cut(video))[1] != ""


@pytest.mark.parametrize(("suffix", "codec", "sound"), IN_THE_HEADER)
@pytest.mark.parametrize("heard", [None, 4, 6])
def test_a_file_that_is_cut_off_is_named(tmp_path, suffix, codec, sound, heard):
    tracks = (sound, 0, heard) if heard else None
    count, reason = problem(cut(movie(tmp_path / f"a.{suffix}", codec, STEADY, tracks)))
    assert 20 < count < 95
    assert reason


def test_a_cut_off_file_with_a_variable_rate_is_named(tmp_path):
    count, reason = problem(cut(movie(tmp_path / "a.avi", "mpeg4", BURST)))
    assert 20 < count < 50
    assert f"{count} of its " in reason


def test_a_cut_in_front_of_the_pictures_end_is_missed_in_mp4(tmp_path):
    whole = movie(tmp_path / "a.mp4", "libx264", STEADY, ("aac", 0, 9))
    first = tmp_path / "first.mp4"
    with (
        av.open(str(whole)) as source,
        av.open(str(first), "w", container_options={"movflags": "faststart"}) as target,
    ):
        streams = [target.add_stream_from_template(stream) for stream in source.streams]
        for packet in source.demux():
            if packet.size:
                packet.stream = streams[packet.stream_index]
                target.mux(packet)
    assert problem(first) == (100, "")
    count, reason = problem(cut(first))
    assert "of its 100 frames come out" in reason
    assert 20 < count < 80


@pytest.mark.parametrize("begin", [0, 1.5])
def test_what_an_edit_list_cuts_off_is_not_missed(tmp_path, begin):
    video = movie(tmp_path / "a.mp4", "libx264", STEADY)
    data = bytearray(video.read_bytes())
    place = data.index(b"elst") + 12
    seconds, first = struct.unpack(">II", data[place : place + 8])
    assert seconds == 4000
    with av.open(str(video)) as container:
        first += round(begin / container.streams.video[0].time_base)
    data[place : place + 8] = struct.pack(">II", 2000, first)
    video.write_bytes(data)
    assert problem(video) == (50, "")


def test_a_number_of_frames_that_is_none(tmp_path):
    """The header of an AVI file that was written to a pipe contains no length."""
    with (tmp_path / "a.avi").open("wb") as file:
        pipe = type("Pipe", (), {"write": staticmethod(file.write)})()
        with av.open(pipe, "w", format="avi") as container:
            for packet in video_packets(container, "mpeg4", STEADY):
                container.mux(packet)
    assert problem(tmp_path / "a.avi") == (100, "")


def test_a_raw_stream_says_nothing_of_its_length(tmp_path):
    for suffix, codec in (("h264", "libx264"), ("m2v", "mpeg2video"), ("m4v", "mpeg4")):
        assert problem(encode_video(tmp_path / f"a.{suffix}", NOISE, codec))[1] == ""


def with_still(
    path: Path, still: str, first: bool = True, stills: int = 1, cover: bool = False
) -> Path:
    """A video of 12 frames and a second stream, a red picture of another size. The picture may be
    marked as a cover, and it may be the first and default stream."""
    with av.open(str(path), "w") as container:

        def add_still() -> av.VideoStream:
            stream = container.add_stream(still, rate=RATE)
            stream.height, stream.width = 96, 144
            stream.pix_fmt = "rgb24" if still == "png" else "yuvj420p"
            return stream

        picture = add_still() if first else None
        video = container.add_stream("libx264", rate=RATE, options={"threads": "1"})
        video.height, video.width = 32, 48
        picture = picture or add_still()
        for stream in (video, picture):
            stream.disposition = av.stream.Disposition(0)
        picture.disposition = av.stream.Disposition.default
        if cover:
            picture.disposition |= av.stream.Disposition.attached_pic
        packets = []
        for i in range(12):
            packets += video.encode(av.VideoFrame.from_ndarray(NOISE[i], format="rgb24"))
            if i < stills:
                image = np.full((96, 144, 3), (200, 0, 0), np.uint8)
                packets += picture.encode(av.VideoFrame.from_ndarray(image, format="rgb24"))
        for packet in packets + picture.encode() + video.encode():
            container.mux(packet)
    return path


@pytest.mark.parametrize(
    ("suffix", "still", "cover"),
    [
        ("mkv", "mjpeg", False),
        ("mov", "png", False),
        ("mp4", "mjpeg", True),
        ("avi", "mjpeg", False),
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_the_stream_that_moves_is_decoded(tmp_path, suffix, still, cover, first):
    video = with_still(tmp_path / f"a.{suffix}", still, first, cover=cover)
    frames = list(decode(video, None))
    assert [frame.shape for frame in frames] == [(32, 48, 3)] * 12
    assert frame_rate(video) == RATE


def test_of_two_streams_that_move_it_is_the_default(tmp_path):
    video = with_still(tmp_path / "a.mkv", "mjpeg", stills=12)
    assert [frame.shape for frame in decode(video, None)] == [(96, 144, 3)] * 12


def test_a_still_alone_has_one_frame(tmp_path):
    video = encode_video(tmp_path / "a.mov", quarters(1), "png", "rgb24")
    assert problem(video) == (1, "")


def test_animations_move(tmp_path):
    video = encode_video(tmp_path / "a.gif", quarters(12), "gif", "rgb8")
    assert problem(video) == (12, "")


def test_a_stream_that_begins_late_is_no_damage(tmp_path):
    """FFmpeg finds the stream after the first 5 MB, which it reads when it opens a file."""
    big = np.random.default_rng(0).integers(0, 256, (20, 480, 640, 3), dtype=np.uint8)
    best = {"g": "1", "qmin": "1", "qmax": "1"}
    picture = encode_video(tmp_path / "picture.ts", big, "mpeg2video", options=best).read_bytes()
    assert len(picture) > 8e6
    numbers = {"mpegts_start_pid": "512", "mpegts_pmt_start_pid": "4100"}
    with av.open(str(tmp_path / "sound.ts"), "w", container_options=numbers) as container:
        for packet in sound_packets(container, "mp2", 0, 1):
            container.mux(packet)
    video = tmp_path / "a.ts"
    video.write_bytes(picture + (tmp_path / "sound.ts").read_bytes())
    assert problem(video) == (20, "")


@pytest.mark.parametrize(
    ("name", "frames"),
    [
        ("sound_longer.mkv", 100),
        ("sound_longer.webm", 100),
        ("sound_longer.ts", 100),
        ("picture_later.mkv", 100),
        ("time_lapse.mkv", 8),
        ("variable_rate.avi", 60),
        ("plain.mp4", 100),
    ],
)
def test_files_that_were_called_damaged(shared_cases, name, frames):
    assert problem(shared_cases / "whole-videos" / name) == (frames, "")


def test_the_rate_of_a_time_lapse(tmp_path):
    video = stamped(tmp_path / "a.mp4", [5 * i for i in range(12)])
    assert brightness(video) == list(range(12))
    assert 0.15 < frame_rate(video) < 0.25


def test_the_frames_that_a_header_announces_are_those_at_the_rate_that_is_stored(tmp_path):
    path = make_video(tmp_path / "a.mp4", frames=12)  # at 12 a second
    assert announced_frames(path, None) == announced_frames(path, 30) == 12
    assert announced_frames(path, 5) == 5
