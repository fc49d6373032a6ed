"""How Sphinx builds the site: `make docs`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from reference import commands_page, config_page  # beside this file

from motionfit import __version__
from motionfit.config import Config

project = "MotionFit"
author = "the authors of MotionFit"
version = release = __version__
extensions = ["myst_parser"]
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 4
html_theme = "furo"
html_title = f"MotionFit {__version__}"
exclude_patterns = ["_build"]

GENERATED = Path(__file__).parent / "generated"
GENERATED.mkdir(exist_ok=True)
(GENERATED / "config.md").write_text(config_page(Config.model_json_schema()), encoding="utf-8")
(GENERATED / "commands.md").write_text(commands_page(), encoding="utf-8")
