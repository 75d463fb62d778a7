from __future__ import annotations

import os
from pathlib import Path

import pytest

from sdbench.suite.errors import SuiteError
from sdbench.suite.load import load_suite
from sdbench.suite.yaml_file import MAX_FILE_BYTES, read_yaml

from .conftest import Refusal


def message_for(path: Path) -> str:
    with pytest.raises(SuiteError) as refused:
        load_suite(path)
    return str(refused.value).removeprefix(f"{path}: ")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("axes:\n\tsteps: [1]", "3: not YAML: a tab; indent with spaces"),
        (
            "axes:\n  steps: [1, 2\n  dtype: [fp32]",
            "4: not YAML: expected ',' or ']', but got ':' (while parsing a flow sequence that "
            "began on line 3)",
        ),
        (
            "axes:\n  steps: [1]\n dtype: [fp32]",
            "4: not YAML: this does not continue what stands above: check its indentation and its "
            "quotes",
        ),
        (
            "inputs:\n  prompts: a fox: red",
            "3: not YAML: a second `: ` on this line, or a wrong indentation; put texts with `: ` "
            "in quotes",
        ),
        (
            "name: @x",
            "2: not YAML: found character '@' that cannot start any token; put the text in quotes",
        ),
        (
            "---\nname: x",
            "2: not YAML: a second document begins here (`---`); a suite is one document",
        ),
        ("axes: *x", "2: not YAML: found undefined alias 'x'"),
        (
            "x: !!python/object/apply:os.system [ls]",
            "2: x: the tag !!python/object/apply:os.system is refused: a suite is plain data",
        ),
        ("fixed: {steps: !x 3}", "2: fixed.steps: the tag !x is refused: a suite is plain data"),
        ("1: x", "2: the key 1 is not a text: put it in quotes"),
        (
            "fixed: {<<: {steps: 1}}",
            "2: fixed: YAML 1.2 has no merge keys (`<<`): write out what should be merged",
        ),
        ("fixed: {guidance_scale: .inf}", "2: fixed.guidance_scale: '.inf' is not a usable number"),
        ("name: a\0b", "2: not a text: it holds the control character U+0000"),
        (b"name: \xff", "2: not a text in UTF-8: byte 0xff at offset 21"),
        ("fixed: &a {steps: *a}", "2: nests more than 20 deep (an alias in itself?)"),
    ],
)
def test_what_is_not_plain_yaml_is_refused_with_its_line(
    refusal: Refusal, text: str | bytes, message: str
) -> None:
    assert refusal(text) == f"suite.yaml:{message}"


def test_a_small_file_of_aliases_that_stands_for_a_billion_values_is_refused(
    refusal: Refusal,
) -> None:
    levels = zip("abcdefghi", "bcdefghij", strict=True)
    laughs = "".join(f"{of}: &{of} [{','.join([f'*{one}'] * 9)}]\n" for one, of in levels)

    assert refusal(f"a: &a [x]\n{laughs}") == (
        "suite.yaml:2: its aliases stand for more than 100,000 values"
    )


def test_brackets_without_end_are_refused(refusal: Refusal) -> None:
    assert refusal("[" * 1000, pipeline="") == (
        "suite.yaml: not a suite: brackets or lists nest too deeply"
    )


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n"])
def test_an_empty_file_is_refused(refusal: Refusal, text: str) -> None:
    assert refusal(text, pipeline="") == (
        "suite.yaml: the file is empty: a suite needs at least `pipeline`"
    )


@pytest.mark.parametrize(("text", "shown"), [("hello", "'hello'"), ("- a\n", '["a"]')])
def test_a_suite_is_a_mapping(refusal: Refusal, text: str, shown: str) -> None:
    assert refusal(text, pipeline="") == (
        f"suite.yaml:1: a suite is a mapping of keys such as `pipeline: ...`, not {shown}"
    )


def test_binary_garbage_is_refused(refusal: Refusal) -> None:
    png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"

    assert refusal(png, pipeline="") == ("suite.yaml:1: not a text in UTF-8: byte 0x89 at offset 0")


def test_a_missing_file_is_named_with_the_nearest_there_is(tmp_path: Path) -> None:
    (tmp_path / "demo.yaml").write_text("pipeline: tiny\n")

    assert message_for(tmp_path / "dmeo.yaml") == (
        f"there is no such file; did you mean {tmp_path / 'demo.yaml'}?"
    )
    assert message_for(tmp_path / "no" / "where.yaml") == "there is no such file"


def test_a_folder_is_refused_with_the_suites_in_it(tmp_path: Path) -> None:
    assert message_for(tmp_path) == "is a folder; a suite is a file (none is in it)"
    (tmp_path / "demo.yaml").write_text("pipeline: tiny\n")
    assert message_for(tmp_path) == "is a folder; a suite is a file (demo.yaml)"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "secret.yaml"
    path.write_text("pipeline: tiny\n")
    path.chmod(0)

    assert message_for(path) == "cannot be read: Permission denied"


def test_a_path_through_a_file_and_an_impossible_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    assert message_for(tmp_path / "file" / "x.yaml") == "cannot be read: Not a directory"
    assert message_for(tmp_path / ("y" * 300)) == "cannot be read: File name too long"


def test_a_file_larger_than_any_suite_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    path.write_bytes(b"#" * (MAX_FILE_BYTES + 1))

    assert message_for(path) == "is larger than 256 KiB, the most that a suite may have"


def test_numbers_and_words_are_those_of_yaml_1_2(tmp_path: Path) -> None:
    path = tmp_path / "words.yaml"
    path.write_text("a: [off, yes, true, null, 010, 0o17, 0x1F, 1_000, 1e3, 2001-01-01, '3', ]\n")

    assert read_yaml(path).data == {
        "a": ["off", "yes", True, None, 10, 15, 31, 1000, 1000.0, "2001-01-01", "3"]
    }


def test_an_error_has_the_place_of_a_value_and_of_its_key(tmp_path: Path) -> None:
    path = tmp_path / "places.yaml"
    path.write_text("axes:\n  steps: [1,\n    2]\n  dtype:\nname: x\n")
    source = read_yaml(path)

    def place(*keys: str | int, at_key: bool = False) -> tuple[int | None, int | None]:
        error = source.error(keys, "is wrong", at_key=at_key)
        return error.line, error.column

    assert place("axes", "steps", 1) == (3, 5)
    assert place("axes", "steps") == (2, 10)
    assert place("axes", "steps", at_key=True) == (2, 3)
    assert place("axes", "dtype") == (4, 3), "nothing is given, so the key's place"
    assert place("axes") == (1, 1), "its value is a block, so the key's place"
    assert place("name", "no", "such") == (5, 7), "the nearest part that exists"
