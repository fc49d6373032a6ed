import json

import pytest

from motionfit.config import over_base
from motionfit.errors import MotionFitError
from motionfit.yaml_files import read_config


@pytest.fixture
def file(tmp_path):
    return tmp_path / "config.yaml"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", "line 3: the key a is already in line 1"),
        ("a:\n  b: {c: 1, c: 2}\n", "line 2: the key a.b.c is already in line 2"),
        ("a:\n- b: 1\n  b: 2\n", "line 3: the key a.0.b is already in line 2"),
        ("1: a\n'1': b\n", "line 2: the key 1 is already in line 1"),
        ("x: &x {a: 1}\ny: {<<: *x, <<: *x}\n", "line 2: the key y.<< is already in line 2"),
        ('{"a": 1,\n\t"a": 2}', "line 2: the key a is already in line 1"),
        ("a:\n\tb: 1\n", "line 2: a tab, but YAML needs spaces"),
        ("a: 1\nb: *nothing\n", "line 2: found undefined alias 'nothing'"),
        ("a: &x 1\nb: &x 2\n", "line 2: found duplicate anchor 'x'"),
        ("a: &x\n  b: *x\n", "a.b refers to a value that contains it"),
        ("a: 1\n b: 2\n", "line 2: mapping values are not allowed here"),
        ("a: 'one\n", "that starts in line 1: found unexpected end of stream"),
        ("a: 2024-13-45\n", "line 1: '2024-13-45' is not a valid timestamp"),
        ("2024-01-01: a\n", "line 1: this is not a valid key"),
        ("? [a]\n: 1\n", "line 1: this is not a valid key"),
        ("a: 1\nb: \x01\n", "line 2: the character '\\x01' is not allowed"),
        ("a: !!python/tuple [1]\n", "line 1: could not determine a constructor"),
        ("---\na: 1\n---\nb: 1\n", "line 3: expected a single document"),
        ("[" * 3000, "is nested too deeply"),
        ("- a\n", "contains no keys"),
        ("", "contains no keys"),
    ],
)
def test_messages_name_the_file_and_the_line(file, text, message):
    file.write_text(text)
    with pytest.raises(MotionFitError) as error:
        read_config(file)
    assert message in str(error.value)
    assert str(error.value).startswith(str(file))
    assert "\n" not in str(error.value)


def test_the_message_for_text_that_is_not_utf8_names_the_line(file):
    file.write_bytes(b"a: 1\nb: \xff\n")
    with pytest.raises(MotionFitError, match="line 2: this is not UTF-8"):
        read_config(file)


def test_anchors_and_merge_keys_are_read(file):
    file.write_text("x: &x {a: 1, b: {c: 2}}\ny:\n  <<: *x\n  a: 3\nz:\n  <<: [*x, *x]\nv: *x\n")
    values = read_config(file)
    x = {"a": 1, "b": {"c": 2}}
    assert values == {"x": x, "y": x | {"a": 3}, "z": x, "v": x}


def test_json_is_read_as_json(file):
    values = {"a": 1e-3, "b": ["\U0001f600/", None, True], "c": {"1": "x", "a": -0.0}}
    file.write_text(json.dumps(values, indent="\t"))
    assert read_config(file) == values
    assert isinstance(read_config(file)["a"], float)


def test_a_base_is_read_as_strictly(tmp_path):
    (tmp_path / "base.yaml").write_text("datasets: {}\nflow: {}\nflow: {}\n")
    with pytest.raises(MotionFitError, match=r"base\.yaml, line 3: .* flow is already in line 2"):
        over_base({"base": "base.yaml"}, tmp_path)
    for base in (3, ["base.yaml"], "x" * 300):
        with pytest.raises(MotionFitError, match="is no file in"):
            over_base({"base": base}, tmp_path)
