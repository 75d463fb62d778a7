"""The data of a suite, with the place in its file where each key and value stands."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml.error import StreamMark
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from sdbench.suite.errors import SuiteError

KeyPath = tuple[str | int, ...]
"""Keys and list positions that lead from a suite's top to a value."""


def dotted(path: KeyPath) -> str:
    """A path as people write it, such as ``axes.steps[2]``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text


@dataclass(frozen=True, slots=True)
class Source:
    """Plain data, and where it comes from.

    Attributes:
        data: Mappings, lists, texts, numbers, booleans and None.
        file: The file as it was named, or None where there is none.
        root: The YAML node of ``data``, or None where it does not come from YAML.
        folder: What relative paths in the data are relative to, absolute; None where that is not
            known.
    """

    data: Any
    file: str | None = None
    root: Node | None = None
    folder: Path | None = None

    def error(self, path: KeyPath, problem: str, *, at_key: bool = False) -> SuiteError:
        """What is wrong at ``path``, with its line.

        Args:
            path: Where; the place is that of the nearest part of it that exists.
            problem: What is wrong.
            at_key: Whether the key is at fault instead of its value.
        """
        mark = _mark(self.root, path, at_key) if self.root is not None else None
        return SuiteError(
            problem,
            file=self.file,
            line=mark.line + 1 if mark else None,
            column=mark.column + 1 if mark else None,
            key=dotted(path) or None,
        )


def _mark(root: Node, path: KeyPath, at_key: bool) -> StreamMark:
    """The place of a value; of its key where that is at fault, or the value is below or missing."""
    node: Node = root
    key_mark: StreamMark = root.start_mark
    for part in path:
        found = _child(node, part)
        if found is None:
            break
        key_node, node = found
        key_mark = key_node.start_mark
    is_block = isinstance(node, (MappingNode, SequenceNode)) and not node.flow_style
    is_missing = isinstance(node, ScalarNode) and node.start_mark.index == node.end_mark.index
    return key_mark if at_key or is_block or is_missing else node.start_mark


def _child(node: Node, part: str | int) -> tuple[Node, Node] | None:
    """The node that stands for a part, and the node of its value."""
    if isinstance(node, MappingNode) and isinstance(part, str):
        return next(((key, value) for key, value in node.value if key.value == part), None)
    if isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part]
    return None
