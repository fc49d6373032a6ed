"""Reads config files, YAML or JSON, and rejects what other readers would silently drop, such as a
key that appears twice."""

import json
from pathlib import Path
from typing import Any

import yaml

from motionfit.errors import MotionFitError

MERGE = "tag:yaml.org,2002:merge"
"""The tag of the key `<<`."""
KEYS = str | int | float | bool | None
"""Types that JSON, the format in which recipes are passed on, accepts as keys."""


def read_config(path: Path) -> dict[str, Any]:
    """The values of a config file.

    Raises MotionFitError, with the file and if possible the line, if the file can't be read, is
    neither YAML nor JSON, contains a key twice, or contains no keys.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise MotionFitError(
            f"{path}, line {line}: this is not UTF-8: save the file as UTF-8"
        ) from None
    except OSError as error:
        raise MotionFitError(f"{path} can't be read: {error.strerror}") from None
    try:
        values = _values(text)
    except yaml.YAMLError as error:
        raise MotionFitError(f"{path}, {_describe(error, text)}") from None
    except RecursionError:
        raise MotionFitError(f"{path} is nested too deeply: give a config file") from None
    if not isinstance(values, dict):
        raise MotionFitError(f"{path} contains no keys: give a config file")
    return values


def _values(text: str) -> Any:
    """Parses a text. Raises YAMLError."""
    try:
        values = json.loads(text)
    except ValueError:
        return _Loader(text).get_single_data()
    # The YAML loader only checks the keys, since JSON is YAML except for tabs between values. It
    # would read numbers such as 1e-3 as text.
    _Loader(text.replace("\t", " ")).get_single_data()
    return values


class _Loader(yaml.SafeLoader):
    """PyYAML's loader, with a check for keys that appear twice. PyYAML keeps the last value."""

    def get_single_node(self) -> yaml.Node | None:
        node = super().get_single_node()
        self._checked: set[int] = set()
        if node is not None:
            self._check(node, (), ())
        return node

    def _check(self, node: yaml.Node, keys: tuple[str, ...], above: tuple[yaml.Node, ...]) -> None:
        """Raises YAMLError if a key appears twice, or if an alias is part of the value that it
        refers to."""
        if any(node is ancestor for ancestor in above):
            raise _error(node, f"{'.'.join(keys)} refers to a value that contains it")
        if isinstance(node, yaml.ScalarNode) or id(node) in self._checked:
            return
        above = (*above, node)
        if isinstance(node, yaml.SequenceNode):
            for i, value in enumerate(node.value):
                self._check(value, (*keys, str(i)), above)
        else:
            lines: dict[str, int] = {}
            for key, value in node.value:
                name = self._name(key)
                if name in lines:
                    raise _error(
                        key,
                        f"the key {'.'.join((*keys, name))} is already in line {lines[name]}: "
                        "remove one of them",
                    )
                lines[name] = key.start_mark.line + 1
                self._check(value, (*keys, name), above)
        self._checked.add(id(node))

    def _name(self, key: yaml.Node) -> str:
        """The key in JSON, where 1 and "1" are the same key."""
        if key.tag == MERGE:
            return key.value
        value = self.construct_object(key) if isinstance(key, yaml.ScalarNode) else ()
        if not isinstance(value, KEYS):
            raise _error(key, "this is not a valid key: put it in quotes")
        return value if isinstance(value, str) else json.dumps(value)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ValueError, KeyError, AttributeError):  # for example the date 2024-13-45
            kind = node.tag.rpartition(":")[2]
            raise _error(node, f"{node.value!r} is not a valid {kind}: put it in quotes") from None


def _error(node: yaml.Node, problem: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)


def _describe(error: yaml.YAMLError, text: str) -> str:
    """The line of an error and the problem there."""
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return f"line {line}: the character {chr(error.character)!a} is not allowed"
    mark = error.problem_mark or error.context_mark
    problem = error.problem or error.context
    if "'\\t'" in problem:
        problem = "a tab, but YAML needs spaces"
    elif error.context and error.problem:
        start = f" that starts in line {error.context_mark.line + 1}" if error.context_mark else ""
        problem = f"{error.context}{start}: {error.problem}"
    return f"line {mark.line + 1}: {problem}"
