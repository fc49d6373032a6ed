"""Decodes damaged files in its own process, since a native decoder may crash or hang.

`python -m tests.store.fuzz FOLDER FIRST COUNT` makes the inputs of the seeds FIRST, FIRST + 1, ...
from the clips in FOLDER, and prints a line of JSON for each: `start` before it is decoded, then
what came of it. So the last line names the seed of an input that ended the process. To see one
again, run it with its seed and a COUNT of 1.
"""

import json
import random
import sys
import time
from pathlib import Path

from motionfit.store.video import UnreadableVideoError, decode


def mutated(seed: int, clips: list[Path]) -> tuple[str, bytes]:
    """The suffix and the content of a file: a damaged clip, two spliced clips, or noise."""
    random_ = random.Random(seed)
    clip = random_.choice(clips)
    data = bytearray(clip.read_bytes())
    kind = random_.choice(["noise", "flip", "flip", "header", "header", "cut", "splice", "repeat"])
    if kind == "noise":
        keep = random_.choice([0, 4, 16, 64])
        data[keep:] = random_.randbytes(random_.randrange(1, 20000))
    elif kind == "flip":
        for _ in range(random_.choice([1, 10, 100, 1000])):
            data[random_.randrange(len(data))] = random_.randrange(256)
    elif kind == "header":
        # Sizes, counts and offsets: runs of extreme bytes near the beginning or the end.
        for _ in range(random_.randrange(1, 8)):
            place = random_.randrange(min(len(data), 1200))
            place = random_.choice([place, len(data) - 1 - place])
            run = random_.choice([1, 2, 4, 8])
            data[place : place + run] = random_.choice([b"\0", b"\xff", b"\x7f", b"\x80"]) * run
    elif kind == "cut":
        start = random_.randrange(len(data))
        del data[start : random_.choice([len(data), start + random_.randrange(1, 5000)])]
    elif kind == "splice":
        other = random_.choice(clips).read_bytes()
        data = data[: random_.randrange(len(data))] + other[random_.randrange(len(other)) :]
    else:
        start = random_.randrange(len(data))
        end = start + random_.randrange(1, 3000)
        data[end:end] = data[start:end] * random_.randrange(1, 20)
    return clip.suffix, bytes(data)


def peak_mb() -> int:
    """The peak memory of this program. `getrusage` would include the memory of the program that
    started it."""
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) // 1024


def outcome(path: Path) -> tuple[int, str]:
    """The number of frames of a file, and the reported problem."""
    frames = 0
    try:
        for _ in decode(path, (16, 24), fps=10):
            frames += 1
    except UnreadableVideoError as error:
        return frames, str(error)
    return frames, ""


def main(folder: Path, first: int, count: int) -> None:
    clips = sorted(folder.iterdir())
    for seed in range(first, first + count):
        suffix, data = mutated(seed, clips)
        print(json.dumps({"start": seed}), flush=True)
        path = folder.parent / f"input{first}{suffix}"
        path.write_bytes(data)
        began = time.monotonic()
        frames, reason = outcome(path)
        peak = peak_mb()
        seconds = round(time.monotonic() - began, 2)
        line = {"seed": seed, "frames": frames, "reason": reason, "s": seconds, "peak_mb": peak}
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
