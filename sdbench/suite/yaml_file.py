"""A YAML 1.2 file, as plain data whose places are known.

YAML is read into nodes and turned into plain data here, not by a YAML library's constructor: so
every tag but the plain ones is refused, no key is silently dropped, and a value's line is at hand
when something later finds fault with it.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, ReusedAnchorWarning
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from sdbench.errors import nearest
from sdbench.suite.errors import SuiteError, show
from sdbench.suite.source import KeyPath, Source, dotted
from sdbench.units import KIB

MAX_FILE_BYTES = 256 * KIB
"""200 times a usual suite. The reader, pure Python, takes up to four seconds for this much."""
MAX_VALUES = 100_000
"""Values once all aliases are written out: a small file of aliases can stand for 10^9 of them."""
MAX_DEPTH = 20
"""A legal suite nests five deep."""

_MOST_NAMES = 12
_TAG = "tag:yaml.org,2002:"
_TEXT_TAGS = {f"{_TAG}{name}" for name in ("str", "timestamp", "value", "merge")}
_INTEGER_PREFIXES = ("0x", "0o", "0b")


def read_yaml(path: Path) -> Source:
    """Reads a YAML 1.2 file of plain data.

    Raises:
        SuiteError: It cannot be read, or is not one document of plain data that starts with a
            mapping.
    """
    file = str(path)
    text = _read_text(path, file)
    root = _compose(text, file)
    if root is None:
        raise SuiteError("the file is empty: a suite needs at least `pipeline`", file=file)
    data = _PlainData(file).of(root, ())
    if not isinstance(data, Mapping):
        raise SuiteError(
            f"a suite is a mapping of keys such as `pipeline: ...`, not {show(data)}",
            file=file,
            line=root.start_mark.line + 1,
            column=root.start_mark.column + 1,
        )
    return Source(data, file, root)


def _read_text(path: Path, file: str) -> str:
    try:
        with path.open("rb") as opened:
            content = opened.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        sibling = nearest(path.name, _suites_beside(path))
        hint = f"; did you mean {path.with_name(sibling)}?" if sibling else ""
        raise SuiteError(f"there is no such file{hint}", file=file) from None
    except IsADirectoryError:
        names = ", ".join(_suites_beside(path / "x")[:_MOST_NAMES]) or "none is in it"
        raise SuiteError(f"is a folder; a suite is a file ({names})", file=file) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SuiteError(f"cannot be read: {reason}", file=file) from None
    if len(content) > MAX_FILE_BYTES:
        raise SuiteError("is larger than 256 KiB, the most that a suite may have", file=file)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SuiteError(
            f"not a text in UTF-8: byte 0x{content[error.start]:02x} at offset {error.start}",
            file=file,
            line=line,
        ) from None


def _suites_beside(path: Path) -> list[str]:
    try:
        return sorted(p.name for p in path.parent.iterdir() if p.suffix in (".yaml", ".yml"))
    except (OSError, ValueError):
        return []


def _compose(text: str, file: str) -> Node | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ReusedAnchorWarning)
            root: Node | None = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise SuiteError(
            f"not YAML: {_syntax_problem(error)}",
            file=file,
            line=mark.line + 1 if mark else None,
            column=mark.column + 1 if mark else None,
        ) from None
    except ReaderError as error:
        raise SuiteError(
            f"not a text: it holds the control character U+{ord(text[error.position]):04X}",
            file=file,
            line=text.count("\n", 0, error.position) + 1,
        ) from None
    except RecursionError:
        raise SuiteError("not a suite: brackets or lists nest too deeply", file=file) from None
    except ValueError as error:
        raise SuiteError(f"not YAML: {error}", file=file) from None
    return root


def _syntax_problem(error: MarkedYAMLError) -> str:
    problem = str(error.problem or error.context)
    if "'\\t'" in problem:
        return "a tab; indent with spaces"
    if problem == "but found another document":
        return "a second document begins here (`---`); a suite is one document"
    if problem == "mapping values are not allowed here":
        return "a second `: ` on this line, or a wrong indentation; put texts with `: ` in quotes"
    if problem.startswith("expected <block end>"):
        return "this does not continue what stands above: check its indentation and its quotes"
    if problem.startswith("expected chomping or indentation"):
        return "a text that begins with `>` or `|` needs quotes"
    if problem.endswith("that cannot start any token"):
        return f"{problem}; put the text in quotes"
    began = error.context_mark
    if began is None or error.problem_mark is None or began.line == error.problem_mark.line:
        return problem
    return f"{problem} ({error.context} that began on line {began.line + 1})"


class _PlainData:
    """Turns nodes into plain data, and refuses all that is not plain."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._values = 0

    def of(self, node: Node, path: KeyPath) -> Any:
        self._values += 1
        if self._values > MAX_VALUES:
            raise self._error((), node, f"its aliases stand for more than {MAX_VALUES:,} values")
        if len(path) > MAX_DEPTH:
            raise self._error((), node, f"nests more than {MAX_DEPTH} deep (an alias in itself?)")
        if isinstance(node, MappingNode) and node.tag == f"{_TAG}map":
            return self._mapping(node, path)
        if isinstance(node, SequenceNode) and node.tag == f"{_TAG}seq":
            return [self.of(item, (*path, index)) for index, item in enumerate(node.value)]
        if isinstance(node, ScalarNode):
            return self._scalar(node, path)
        raise self._refuse_tag(node, path)

    def _mapping(self, node: MappingNode, path: KeyPath) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        line_of: dict[str, int] = {}
        for key_node, value_node in node.value:
            key = self.of(key_node, path)
            line = key_node.start_mark.line + 1
            if key_node.tag == f"{_TAG}merge":
                problem = "YAML 1.2 has no merge keys (`<<`): write out what should be merged"
                raise self._error(path, key_node, problem)
            if not isinstance(key, str):
                raise self._error(
                    path, key_node, f"the key {show(key)} is not a text: put it in quotes"
                )
            if key in mapping:
                raise self._error(
                    (*path, key), key_node, f"this key is given twice, first on line {line_of[key]}"
                )
            line_of[key] = line
            mapping[key] = self.of(value_node, (*path, key))
        return mapping

    def _scalar(self, node: ScalarNode, path: KeyPath) -> Any:
        text, tag = str(node.value), node.tag
        if tag in _TEXT_TAGS:
            if any("\ud800" <= character <= "\udfff" for character in text):
                raise self._error(path, node, f"{show(text)} holds half a character (a surrogate)")
            return text
        if tag == f"{_TAG}null":
            return None
        if tag == f"{_TAG}bool":
            return text.lower() in ("true", "yes", "on", "y")
        if tag in (f"{_TAG}int", f"{_TAG}float"):
            try:
                return _number(text, is_integer=tag == f"{_TAG}int")
            except (ValueError, OverflowError):
                raise self._error(path, node, f"{show(text)} is not a usable number") from None
        raise self._refuse_tag(node, path)

    def _refuse_tag(self, node: Node, path: KeyPath) -> SuiteError:
        tag = str(node.tag).replace(_TAG, "!!")
        return self._error(path, node, f"the tag {tag} is refused: a suite is plain data")

    def _error(self, path: KeyPath, node: Node, problem: str) -> SuiteError:
        mark = node.start_mark
        return SuiteError(
            problem,
            file=self._file,
            line=mark.line + 1,
            column=mark.column + 1,
            key=dotted(path) or None,
        )


def _number(text: str, is_integer: bool) -> int | float:
    digits = text.replace("_", "")
    if is_integer:
        is_prefixed = digits.lstrip("+-")[:2].lower() in _INTEGER_PREFIXES
        return int(digits, 0 if is_prefixed else 10)
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(text)
    return number
