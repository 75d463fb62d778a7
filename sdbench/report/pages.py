"""What all pages share: templates that escape what they are given, and files of this package."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

_TEMPLATES = "templates"


def page_environment() -> Environment:
    """The templates; what they are given is escaped, and a name that is missing is an error."""
    environment = Environment(
        loader=PackageLoader("sdbench.report", _TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["breakable"] = breakable
    return environment


def breakable(text: str) -> Markup:
    """A text whose long names may break after their own signs, not inside a word."""
    return Markup(re.sub("([_=/])", r"\1<wbr>", str(escape(text))))


def own_texts(names: Iterable[str]) -> Markup:
    """Style sheets or scripts of this package, one after the other; they need no escaping."""
    return Markup("").join(map(_own_text, names))


@cache
def _own_text(name: str) -> Markup:
    folder = resources.files("sdbench.report") / _TEMPLATES
    return Markup((folder / name).read_text(encoding="utf-8"))
