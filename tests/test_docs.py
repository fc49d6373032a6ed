"""The documents name files that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FILES = [str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if ".venv" not in path.parts]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_files_that_a_document_names_exist(document):
    """Either from the root of the project, or as the end of a path."""
    named = re.findall(r"`([\w./-]+\.(?:py|smk|yaml))`", document.read_text())
    missing = [
        name
        for name in named
        if "NAME" not in name and not any(f"/{file}".endswith(f"/{name}") for file in FILES)
    ]
    assert not missing
