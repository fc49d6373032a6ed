"""Reading configs and recipes, with messages for their mistakes."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from motionfit.config.defaults import laid_over
from motionfit.config.recipe import Recipe
from motionfit.config.whole import Config
from motionfit.errors import MotionFitError
from motionfit.yaml_files import read_config

R = TypeVar("R", bound=Recipe)


def over_base(values: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The values of a config file laid over those of its base, a file in `folder` that the key
    `base` names and that can have a base itself. A file without `base` and without `datasets` is
    laid over `config.yaml`, the demo.

    Raises MotionFitError if a base does not exist, can't be read, or is its own base.
    """
    merged, met = dict(values), set()
    while base := merged.pop("base", None) or ("" if "datasets" in merged else "config.yaml"):
        if not isinstance(base, str) or not _exists(folder / base, Path.is_file):
            raise MotionFitError(f"base: {base} is no file in {folder}")
        if base in met:
            raise MotionFitError(f"base: {base} is laid over itself")
        met.add(base)
        merged = laid_over(read_config(folder / base), merged)
    return merged


def load_config(values: Mapping[str, Any]) -> Config:
    """The config with these values, as a config file has them.

    Raises MotionFitError with one line per mistake: the key, what is expected, what was found.
    """
    # Through JSON, so that values of YAML become plain ones, and lists become tuples.
    return parse_recipe(Config, json.dumps(values, default=str))


def parse_recipe(kind: type[R], text: str) -> R:
    """A recipe from JSON, as the workflow passes it to a stage. `kind` is `Dataset` for a data set
    of any format.

    Raises MotionFitError as `load_config` does.
    """
    try:
        return TypeAdapter(kind).validate_json(text)
    except ValidationError as error:
        raise MotionFitError(_describe(error)) from None


def _describe(error: ValidationError) -> str:
    lines = []
    for detail in error.errors(include_url=False):
        parts = [str(part) for part in detail["loc"]]
        if parts[:1] == ["datasets"] and len(parts) > 2:
            del parts[2]  # the data set's format, which pydantic adds and the config does not have
        key = ".".join(parts)
        if detail["type"] == "extra_forbidden":
            message = "unknown key"
        elif detail["type"] == "missing":
            message = "this key is missing"
        elif detail["type"].startswith("union_tag"):
            message = "format should be one of ucf101, hmdb51, kinetics, folders, demo"
        elif detail["type"] == "value_error":
            message = str(detail["ctx"]["error"])
        else:
            message = f"{detail['msg']}, not {detail['input']!r}"
        lines.append(f"{key}: {message}" if key else message)
    return "the config is not right:\n  " + "\n  ".join(lines)


def check_paths(config: Config) -> None:
    """Checks that all files and folders that the config names exist, before anything is computed.

    Raises MotionFitError with the keys of all that are missing.
    """
    files = [
        (f"{section}.{name}.network.weights", model.network.weights)
        for section in ("motion_models", "appearance_models")
        for name, model in getattr(config, section).items()
        if model.network.weights
    ]
    folders = []
    for name, dataset in config.datasets.items():
        for key, paths in dataset.paths().items():
            among = folders if key in dataset.folders else files
            among += [(f"datasets.{name}.{key}", path) for path in paths]
    missing = [
        f"{key}: there is no folder {path}"
        for key, path in folders
        if not _exists(path, Path.is_dir)
    ]
    missing += [
        f"{key}: there is no file {path}" for key, path in files if not _exists(path, Path.is_file)
    ]
    if missing:
        raise MotionFitError(
            "files or folders of the config do not exist (relative paths start from "
            f"{Path.cwd()}):\n  " + "\n  ".join(missing)
        )


def _exists(path: Path, is_kind: Callable[[Path], bool]) -> bool:
    """Whether a path is a file or a folder. A path that can't be examined, such as one that is too
    long, is neither."""
    try:
        return is_kind(path)
    except OSError:
        return False
