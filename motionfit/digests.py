"""Short hashes by which contents are compared."""

import hashlib
from functools import cache
from pathlib import Path


def digest(*texts: str) -> str:
    """A hash of texts, none of which holds a NUL."""
    joined = "\0".join(texts).encode(errors="surrogateescape")
    return hashlib.sha256(joined).hexdigest()[:16]


@cache
def file_digest(path: Path) -> str:
    """A hash of the content of a file; '' if it can't be read, which its stage reports."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:16]
    except OSError:
        return ""
