"""Decodes the videos of a shard once, and stores their resized frames as JPEG."""

import logging
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from motionfit.datasets.listing import Seen, read_seen, seen_path
from motionfit.errors import MotionFitError
from motionfit.files import replacing, write_json
from motionfit.result_tables import read_table
from motionfit.store.images import encode_jpeg
from motionfit.store.shards import write_shard
from motionfit.store.video import UnreadableVideoError, decode, frame_rate

log = logging.getLogger(__name__)

ONE_FRAME = "it has one frame, and motion needs two"
LEDGER_COLUMNS = ["video", "path", "reason", "frames_kept"]


def store_frames(
    videos: pd.DataFrame, size: tuple[int, int], fps: float | None, quality: int, output: Path
) -> None:
    """Writes the frames of `videos` (rows of the index) to the shard `output`.

    Two files beside the shard describe its videos. `SHARD.failed.csv` lists every video that could
    not be decoded (frames_kept is 0, and the video is left out) or only in part (the decoded frames
    are kept), and how much was lost. `SHARD.videos.json` contains the state of each file when it
    was read, so that a file is recognised if only its date changes.

    Raises MotionFitError if a file is missing. Its disk may not be mounted, and if the video
    counted as damaged, it would stay missing.
    """
    failures, seen, known = [], {}, read_seen(output)
    recipe = {"size": list(size), "fps": fps, "quality": quality}
    with write_shard(output, "frames", recipe) as shard:
        for row in videos.itertuples():
            frames, reason = [], ""
            seen[row.video] = asdict(look_at(row.path, known.get(row.video)))
            try:
                rate = float(frame_rate(Path(row.path)))
                frames.extend(
                    encode_jpeg(frame, quality) for frame in decode(Path(row.path), size, fps)
                )
                if len(frames) == 1:
                    reason = ONE_FRAME
            except UnreadableVideoError as error:
                look_at(row.path)
                reason = str(error)
            kept = len(frames) if len(frames) > 1 else 0
            if reason:
                log.warning("%s: %s (%d frames kept)", row.path, reason, kept)
                failures.append((row.video, row.path, reason, kept))
            if kept:
                # A video with a lower rate than `fps` keeps its rate.
                shard.add(row.video, frames, row.path, min(rate, fps or rate))
    write_json(seen_path(output), seen)
    with replacing(ledger_of(output)) as temporary:
        pd.DataFrame(failures, columns=LEDGER_COLUMNS).to_csv(temporary, index=False)
    log.info("%d videos stored, %d problems", len(videos), len(failures))


def look_at(video: str, before: Seen | None = None) -> Seen:
    """The present state of a video file, or `before` if only the date has changed since. Raises
    MotionFitError if the file is missing or can't be read."""
    try:
        now = Seen.now(video)
        return before if before and before.is_of(now.size, video) else now
    except OSError as error:
        raise MotionFitError(
            f"{video} can't be read ({error.strerror}): check its disk and its permissions; if it "
            "was removed, run again, and it is left out"
        ) from None


def ledger_of(shard: Path) -> Path:
    """The file that lists the videos of a shard that could not be decoded completely."""
    return shard.with_suffix(".failed.csv")


def collect_ledgers(
    dataset: str, index: pd.DataFrame, frames: Path, max_failed: float, output: Path
) -> None:
    """Joins the ledgers of all shards of a data set in the folder `frames`.

    Raises MotionFitError if a larger share than `max_failed` of its videos is lost.
    """
    ledgers = [ledger_of(frames / f"{shard}.h5") for shard in sorted(set(index["shard"]))]
    columns = dict.fromkeys(LEDGER_COLUMNS, str) | {"frames_kept": int}
    failures = pd.concat([read_table(path, columns) for path in ledgers])
    lost = failures[failures["frames_kept"] == 0]
    if len(lost) > max_failed * len(index):
        examples = "\n".join(f"  {row.path}: {row.reason}" for row in lost.head(5).itertuples())
        raise MotionFitError(
            f"{len(lost)} of the {len(index)} videos of the data set {dataset!r} are missing or "
            f"can't be decoded, more than its max_failed of {max_failed:.0%}:\n{examples}\n"
            f"Repair or remove them, or raise datasets.{dataset}.max_failed. "
            f"{frames}/*.failed.csv list all of them."
        )
    with replacing(output) as temporary:
        failures.to_csv(temporary, index=False)
    log.info("%d of %d videos lost", len(lost), len(index))
