"""Why a pipeline cannot be loaded, in a sentence that says what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.error import URLError

from huggingface_hub import errors as hub

from sdbench.errors import SdbenchError, causes

PICKLE_SUFFIXES = (".bin", ".ckpt", ".pt", ".pth")
"""Files of weights that are Python pickles."""
SAFE_SUFFIX = ".safetensors"

_LOG_IN = (
    "log in by `hf auth login`, or set HF_TOKEN to a token that may read it (the worker takes it "
    "from the environment)"
)
_COMMUNITY = "community-pipelines-mirror"
"""Where diffusers finds pipelines that are given by a bare name; before, it asks for its own
versions by urllib, which nothing else here uses."""
_MOST_VARIANTS_NAMED = 12
_NOT_ALLOWED = (401, 403)
"""HTTP statuses; the hub answers 401 for what does not exist too, to whoever has not logged in."""


class LoadError(SdbenchError):
    """A pipeline that cannot be loaded; the message says what to do."""


def pickle_error(name: str) -> LoadError:
    """For a checkpoint without safetensors that the suite does not allow."""
    return LoadError(
        f"{name} has its weights only as Python pickles, which can run any code while they are "
        "read: convert it to safetensors, or, if you trust whoever made it, say `allow_pickle: "
        "true` beside the pipeline in the suite"
    )


def code_error() -> LoadError:
    """For a pipeline with code of its own that is not trusted on both sides."""
    return LoadError(
        "this pipeline runs code of its own: that needs `trust_remote_code: true` in the suite AND "
        "`--trust-remote-code` on the command line"
    )


def explain(error: Exception, source: Mapping[str, Any]) -> LoadError | None:
    """What a failure of diffusers or of the hub means for a user, or None where it is unknown.

    Args:
        error: What was raised; its causes are looked at too, the innermost first.
        source: The pipeline's value in the suite.
    """
    kind = next(iter(source.keys() & {"id", "path", "single_file"}), None)
    name = str(source[kind]) if kind else "this pipeline"
    chain = list(causes(error))
    for one in reversed(chain):
        for classes, phrase in _PHRASES:
            if isinstance(one, classes):
                return LoadError(phrase(name, source, one))
        if _is_offline(one):
            return LoadError(_no_network(name, source, one))
    return _explain_by_text(" ".join(str(one) for one in chain), name, source)


def variants_of(files: Iterable[str]) -> list[str]:
    """The variants among the names of weights, such as ``fp16`` of ``model.fp16.safetensors``."""
    found = set()
    for file in files:
        path = PurePosixPath(file)
        if path.suffix in (SAFE_SUFFIX, *PICKLE_SUFFIXES) and "." in path.stem:
            found.add(path.stem.rpartition(".")[2].partition("-")[0])
    return sorted(found)


def _gated(name: str, source: Mapping[str, Any], error: BaseException) -> str:
    return (
        f"{name} is gated: accept its conditions on its page of the hub, and {_LOG_IN} with the "
        "account that did"
    )


def _no_revision(name: str, source: Mapping[str, Any], error: BaseException) -> str:
    if "revision" not in source:
        return _no_code(source) or f"{name} has no such revision: {_first_line(error)}"
    return (
        f"{name} has no revision {source['revision']!r}: name a branch, a tag or a commit of it, "
        "or leave `revision` out"
    )


def _no_repository(name: str, source: Mapping[str, Any], error: BaseException) -> str:
    code = source.get("custom_pipeline")
    if code and code in str(error):
        return str(_no_code(source))
    if _status(error) in _NOT_ALLOWED:
        return _refused(name, source, error)
    return (
        f"the hub has no {name}: check its id, which is owner/name; if it is private, {_LOG_IN}; "
        "for a folder write {path: ...}"
    )


def _refused(name: str, source: Mapping[str, Any], error: BaseException) -> str:
    status = _status(error)
    if status in _NOT_ALLOWED:
        return f"the hub refuses access to {name} ({status}): check the id, and {_LOG_IN}"
    return f"the hub fails on {name} ({_first_line(error)}): try again later"


def _status(error: BaseException) -> int | None:
    """The HTTP status that the hub answered with."""
    return getattr(getattr(error, "response", None), "status_code", None)


def _no_entry(name: str, source: Mapping[str, Any], error: BaseException) -> str:
    if "model_index.json" in str(error):
        return (
            f"{name} is no pipeline: it has no model_index.json; for one model of a pipeline, or a "
            "checkpoint in one file, write {single_file: ...}"
        )
    return _no_code(source) or f"{name} lacks a file: {_first_line(error)}"


def _no_code(source: Mapping[str, Any]) -> str | None:
    if "custom_pipeline" not in source:
        return None
    return (
        f"there is no custom pipeline {source['custom_pipeline']!r}: name one of diffusers' "
        "community folder, a repository of the hub, or a file (./name.py)"
    )


def _no_network(name: str, source: Mapping[str, Any], error: BaseException) -> str:
    needs_code_alone = isinstance(error, URLError) or _COMMUNITY in str(error)
    if needs_code_alone and "custom_pipeline" in source:
        return (
            f"the custom pipeline {source['custom_pipeline']!r} is downloaded by diffusers, and "
            "the network cannot be reached: give the file itself (./name.py)"
        )
    if "single_file" in source:
        return (
            f"the configuration that {name} needs is not in the local cache and the hub cannot be "
            "reached: name a local folder that has it by `config: ./folder`"
        )
    return (
        f"{name} is not in the local cache and the hub cannot be reached (no network, or "
        "HF_HUB_OFFLINE is set): download it first by `hf download`, or give {path: ...}"
    )


_Phrase = Callable[[str, Mapping[str, Any], BaseException], str]
_PHRASES: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], _Phrase], ...] = (
    (hub.GatedRepoError, _gated),
    (hub.RevisionNotFoundError, _no_revision),
    (hub.RepositoryNotFoundError, _no_repository),
    (hub.RemoteEntryNotFoundError, _no_entry),
    (hub.OfflineModeIsEnabled, _no_network),
    (hub.HfHubHTTPError, _refused),
)
"""The hub's errors, those that say more before those that they are kinds of."""


def _is_offline(error: BaseException) -> bool:
    """Whether it is a failed connection, of whichever HTTP library."""
    names = {kind.__name__ for kind in type(error).__mro__}
    return bool(names & {"NetworkError", "TimeoutException", "ConnectionError", "URLError"})


_NO_SAFETENSORS = ("Could not find the necessary `safetensors`", "no file named model.safetensors")


def _explain_by_text(text: str, name: str, source: Mapping[str, Any]) -> LoadError | None:
    """What diffusers itself refuses, which it raises as plain OSError and ValueError."""
    variant = source.get("variant")
    if variant and ("no such modeling files are available" in text or "variant" in text):
        return LoadError(_no_variant(name, str(variant), _files_of(source)))
    if "trust_remote_code" in text:
        return code_error()
    if not source.get("allow_pickle") and any(phrase in text for phrase in _NO_SAFETENSORS):
        return pickle_error(name)
    if "model_index.json" in text:
        if "cannot find" in text.lower() or "locally" in text or "connection" in text.lower():
            return LoadError(_no_network(name, source, OSError(text)))
        return LoadError(f"{name} is no pipeline: it has no model_index.json")
    return None


def _no_variant(name: str, variant: str, files: Iterable[str] | None) -> str:
    known = f"{name} has no variant {variant!r}"
    if files is None:
        return f"{known}: leave `variant` out, or name one that its files have"
    variants = variants_of(files)
    if not variants:
        return f"{known}, nor any other: leave `variant` out"
    return f"{known}: it has {', '.join(variants[:_MOST_VARIANTS_NAMED])}, or leave `variant` out"


def _files_of(source: Mapping[str, Any]) -> list[str] | None:
    """Names of a pipeline's files, or None where they cannot be known."""
    if "path" in source:
        folder = Path(source["path"])
        return [file.relative_to(folder).as_posix() for file in folder.rglob("*")]
    try:
        from huggingface_hub import list_repo_files

        return list(list_repo_files(source["id"], revision=source.get("revision")))
    except Exception:
        return None


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
