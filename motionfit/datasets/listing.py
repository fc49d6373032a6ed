"""What lies in a folder of videos, as one short text."""

import hashlib
import os
from pathlib import Path


def listing(folder: Path) -> str:
    """A hash of the names of all files below a folder: another one when a file is added, removed
    or renamed. '' where there is no such folder."""
    digest = hashlib.sha256()
    found = False
    for parent, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            digest.update(os.fsencode(os.path.join(parent, name)) + b"\0")  # noqa: PTH118
        found = True
    return digest.hexdigest()[:16] if found else ""
