"""Lays a Python statement out as the common formatters do: double quotes, 88 columns."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Sequence
from functools import lru_cache

COLUMNS = 88
INDENT = 4


def string_literal(text: str) -> str:
    """The literal of a text, in double quotes unless single ones take fewer escapes."""
    literal = repr(text)
    if literal[0] == "'" and text.count('"') <= text.count("'"):
        body = literal[1:-1].replace("\\'", "'").replace('"', '\\"')
        return f'"{body}"'
    return literal


@lru_cache(maxsize=4096)
def laid_out(statement: str) -> str:
    """The statement with double quotes, broken at its brackets where it is too long.

    The scripts of one run share nearly all of their statements, so that these are kept.
    """
    source = _double_quoted(statement)
    node = ast.parse(source).body[0]
    if isinstance(node, ast.ImportFrom):
        return _import(source, node)
    if not isinstance(node, (ast.Assign, ast.Expr)):
        return source
    head = f"{ast.unparse(node.targets[0])} = " if isinstance(node, ast.Assign) else ""
    return head + _expression(source, node.value, 0, len(head), 0)


def _double_quoted(source: str) -> str:
    lines = source.splitlines(keepends=True)
    tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    for token in reversed(tokens):
        (row, start), (end_row, end) = token.start, token.end
        if token.type == tokenize.STRING and row == end_row:
            line = lines[row - 1]
            literal = string_literal(ast.literal_eval(token.string))
            lines[row - 1] = line[:start] + literal + line[end:]
    return "".join(lines)


def _import(source: str, node: ast.ImportFrom) -> str:
    if len(source) <= COLUMNS:
        return source
    names = "".join(f"{' ' * INDENT}{alias.name},\n" for alias in node.names)
    return f"from {node.module} import (\n{names})"


def _expression(source: str, node: ast.expr, indent: int, before: int, after: int) -> str:
    """The expression's text, with ``before`` columns taken before it and ``after`` behind it."""
    text = ast.get_source_segment(source, node) or ast.unparse(node)
    if before + len(text) + after <= COLUMNS:
        return text
    match node:
        case ast.Attribute(value=ast.Call() as call, attr=attribute):
            tail = f".{attribute}"
            return _expression(source, call, indent, before, after + len(tail)) + tail
        case ast.BinOp(left=ast.List() as texts, op=ast.Mult(), right=times):
            tail = f" * {ast.unparse(times)}"
            return _expression(source, texts, indent, before, after + len(tail)) + tail
        case ast.Call(func=function, args=args, keywords=keywords):
            head = ast.get_source_segment(source, function)
            items: list[ast.expr | ast.keyword] = [*args, *keywords]
            return f"{head}({_items(source, items, indent)})"
        case ast.List(elts=elements):
            return f"[{_items(source, elements, indent)}]"
        case ast.ListComp(elt=element, generators=generators):
            inner = " " * (indent + INDENT)
            parts = [ast.get_source_segment(source, element) or ""]
            first = source.index(" for ", element.end_col_offset or 0) + 1
            parts.append(source[first : generators[-1].iter.end_col_offset])
            return "[\n" + "".join(f"{inner}{part}\n" for part in parts) + " " * indent + "]"
    return text


def _items(source: str, nodes: Sequence[ast.expr | ast.keyword], indent: int) -> str:
    """The items between two brackets: on one line of their own if they fit, else one a line."""
    inner = indent + INDENT
    texts = [ast.get_source_segment(source, node) or "" for node in nodes]
    joined = ", ".join(texts)
    if inner + len(joined) <= COLUMNS:
        return f"\n{' ' * inner}{joined}\n{' ' * indent}"
    lines = []
    for node in nodes:
        name = f"{node.arg}=" if isinstance(node, ast.keyword) else ""
        value = node.value if isinstance(node, ast.keyword) else node
        taken = inner + len(name)
        lines.append(f"{' ' * inner}{name}{_expression(source, value, inner, taken, 1)},\n")
    return "\n" + "".join(lines) + " " * indent
