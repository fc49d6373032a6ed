"""Imports and reads what every plan needs. A process that has imported this module forks into
processes that need not do it again."""

import smart_open  # noqa: F401
from sklearn import datasets  # noqa: F401
from snakemake.cli import get_argument_parser

from motionfit import config_checks, run_folder  # noqa: F401
from motionfit.closure import code_version
from motionfit.stage_names import STAGES, stage_module

get_argument_parser()  # imports Snakemake's plugins
for stage in STAGES:
    code_version(stage_module(stage))
