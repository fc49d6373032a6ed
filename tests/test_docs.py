"""The documents name files and commands that exist, and become a site."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from snakemake.cli import parse_args as parse_snakemake

from motionfit.cli import app
from motionfit.config import over_base
from motionfit.yaml_files import read_config

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
FILES = [str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if ".venv" not in path.parts]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_files_that_a_document_names_exist(document):
    """Either from the root of the project, or as the end of a path."""
    named = re.findall(r"`([\w./-]+\.(?:py|smk|yaml))`", document.read_text())
    missing = [
        name
        for name in named
        if not name.startswith("my-run/")
        and "NAME" not in name
        and not any(f"/{file}".endswith(f"/{name}") for file in FILES)
    ]
    assert not missing


def commands(document: Path) -> list[list[str]]:
    """The commands in the blocks of code of a document, as words."""
    found = []
    for language, block in re.findall(
        r"^ *```(\w*)\n(.*?)^ *```", document.read_text(), re.M | re.S
    ):
        if language in ("", "bash"):
            for line in block.replace("\\\n", " ").splitlines():
                for command in line.partition(" #")[0].split(" && "):
                    if command.split(" ")[0] in PROGRAMS:
                        found.append(shlex.split(command))
    return found


def names_a_target(name: str) -> None:
    assert re.search(rf"^{name}:", (ROOT / "Makefile").read_text(), re.M)


def is_a_command(*words: str) -> None:
    app.parse_args(list(words), exit_on_error=False, print_error=False)


def is_a_run(*words: str) -> None:
    """The options exist, and so do the config file, the profile and the table or figure."""
    words = list(words)
    if "--workflow-profile" in words:  # Slurm's needs a plugin, so Snakemake does not read it here
        i = words.index("--workflow-profile")
        assert (ROOT / words[i + 1]).is_dir()
        del words[i : i + 2]
    _, arguments = parse_snakemake(words)
    config = ROOT / "config.yaml"
    if arguments.configfile:
        [given] = arguments.configfile
        config = ROOT / (COPIED if given == Path("my-run/config.yaml") else given)
    names = over_base(read_config(config), ROOT)
    for target in {*arguments.targets} - {"tables"}:
        assert target == "mine" or target in {*names.get("tables", {}), *names.get("figures", {})}


def names_a_script(script: str, *options: str) -> None:
    if script == "-c":
        compile(options[0], "a document", "exec")
        return
    text = (ROOT / script).read_text()
    assert all(word in text for word in options if word.startswith("--"))


PROGRAMS = {
    "make": names_a_target,
    "motionfit": is_a_command,
    "snakemake": is_a_run,
    "python": names_a_script,
}
COPIED = Path("configs/your-videos.yaml")
"""A config like the one in my-run/config.yaml."""


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_that_a_document_names_exist(document):
    for program, *words in commands(document):
        PROGRAMS[program](*words)


def test_the_commands_are_found():
    found = commands(ROOT / "docs" / "tutorial.md")
    assert ["make", "demo"] in found
    assert [words[:2] for words in found if words[0] == "motionfit"] == [
        ["motionfit", "predict"],
        ["motionfit", "init"],
    ]
    assert ["motionfit", "compare", "my-run", "another-run"] in commands(
        ROOT / "docs" / "small-sets.md"  # after a block of YAML
    )


def test_the_site_is_built_without_a_warning(tmp_path):
    """Among other things, each link leads somewhere, and each page is in the menu."""
    command = [sys.executable, "-m", "sphinx", "-W", "-q", str(ROOT / "docs"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert not done.stderr
    assert done.returncode == 0
    config = (tmp_path / "generated" / "config.html").read_text()
    for name in ("stop_when_hopeless", "folds", "label_smoothing", "multi_clip_weight"):
        assert f'<code class="docutils literal notranslate"><span class="pre">{name}<' in config
    assert "motionfit estimate" in (tmp_path / "generated" / "commands.html").read_text()
    outside = re.findall(r'(?:src|href)="(?:https?:)?//[^"]+\.(?:css|js|woff2?)"', config)
    assert not outside, "the site works without a network"
