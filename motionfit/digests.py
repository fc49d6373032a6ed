"""Short hashes, to compare contents."""

import hashlib
from functools import cache
from pathlib import Path


def digest(*texts: str) -> str:
    """A hash of texts that contain no NUL character."""
    joined = "\0".join(texts).encode(errors="surrogateescape")
    return hashlib.sha256(joined).hexdigest()[:16]


@cache
def file_digest(path: Path) -> str:
    """A hash of the content of a file, or '' if it can't be read, which the stage reports."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:16]
    except OSError:
        return ""
