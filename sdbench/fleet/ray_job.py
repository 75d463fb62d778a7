"""What a node gets of a suite: nothing but data, since no file system need be shared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdbench.errors import SdbenchError
from sdbench.knobs.pipeline import has_relative_path, is_relative
from sdbench.suite.configuration import Configuration
from sdbench.suite.model import PICTURES, Suite

_MAX_PICTURE_BYTES = 64 * 2**20


class CannotSend(SdbenchError):
    """A suite rests on files that nodes do not have; the message says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """A shard's run as far as a node came that is gone.

    Attributes:
        name: Name of its folder.
        run: Content of its ``run.json``.
        lines: Its records.
    """

    name: str
    run: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A shard to be measured.

    Attributes:
        suite_name: Name of the suite, and of its folder of results.
        suite_file: Name of its file.
        files: The suite's file and the pictures that it names, by their paths beside it.
        arguments: What ``sdbench run`` gets beside the suite, the device and the results.
        earlier: What there is of it already; None where it begins.
    """

    suite_name: str
    suite_file: str
    files: Mapping[str, bytes]
    arguments: tuple[str, ...]
    earlier: Earlier | None = None

    def to_plain(self) -> dict[str, Any]:
        """The job as plain values, which need none of our classes on their way."""
        earlier = self.earlier
        return {
            "suite_name": self.suite_name,
            "suite_file": self.suite_file,
            "files": dict(self.files),
            "arguments": list(self.arguments),
            "earlier": earlier
            and {"name": earlier.name, "run": earlier.run, "lines": list(earlier.lines)},
        }


def files_of(
    path: Path, suite: Suite, configurations: tuple[Configuration, ...]
) -> dict[str, bytes]:
    """The suite's file and the pictures that it names by relative paths, as nodes need them.

    Args:
        path: The suite's file.
        suite: The suite.
        configurations: What it stands for.

    Raises:
        CannotSend: It names a pipeline or a picture that cannot be sent.
    """
    for configuration in configurations:
        if has_relative_path(configuration.knobs["pipeline"]):
            raise CannotSend(
                f"{path} names its pipeline by a path relative to itself, which nodes do not have: "
                "name a model of the hub, or an absolute path that every node has"
            )
    files = {path.name: path.read_bytes()}
    for name in PICTURES:
        picture = getattr(suite.inputs, name)
        if picture and is_relative(picture):
            files[Path(picture).as_posix()] = _picture(path.parent, name, picture)
    return files


def _picture(folder: Path, key: str, name: str) -> bytes:
    if ".." in Path(name).parts:
        raise CannotSend(
            f"inputs.{key}: {name} lies outside of the suite's folder, so it is not sent to nodes: "
            "move it beside the suite"
        )
    try:
        content = (folder / name).read_bytes()
    except OSError as error:
        raise CannotSend(f"inputs.{key}: {name} cannot be read: {error.strerror}") from None
    if len(content) > _MAX_PICTURE_BYTES:
        raise CannotSend(f"inputs.{key}: {name} is larger than {_MAX_PICTURE_BYTES >> 20} MiB")
    return content
