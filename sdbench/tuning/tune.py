"""`sdbench.tune`: from a pipeline to a recommendation."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sdbench.analysis.confirmation import leaders
from sdbench.cli.progress import MutedOnFailure
from sdbench.errors import IllegalValue
from sdbench.jsontypes import JsonValue
from sdbench.knobs.registry import KNOBS
from sdbench.run.environment import worker_environment
from sdbench.run.launch import has_gpu_driver, launcher_for
from sdbench.run.order import Order
from sdbench.run.predictor import predictor_for
from sdbench.run.session import Outcome, run_suite
from sdbench.suite.defaults import with_defaults
from sdbench.suite.expand import configurations
from sdbench.suite.model import FidelityProtocol, Limits, Objective, Protocol, Suite
from sdbench.tuning.errors import CannotTune
from sdbench.tuning.progress import ErrorLines, Silence
from sdbench.tuning.recommendation import Recommendation, load_run
from sdbench.tuning.request import Request, with_given
from sdbench.tuning.sweep import GPU_DTYPES, default_sweep
from sdbench.units import parse_bytes

_CALLED = "sdbench.tune"
"""Stands for the command line in a run's folder."""


def tune(
    pipe: Any,
    *,
    prompt: str | Sequence[str] | None = None,
    limits: Limits | Mapping[str, Any] | None = None,
    objective: Objective | Mapping[str, Any] | str | None = None,
    axes: Mapping[str, Sequence[JsonValue]] | None = None,
    fixed: Mapping[str, JsonValue] | None = None,
    measure: Protocol | Mapping[str, Any] | None = None,
    fidelity: FidelityProtocol | Mapping[str, Any] | bool | None = True,
    suite: Suite | str | os.PathLike[str] | None = None,
    results: str | os.PathLike[str] | None = None,
    in_workers: bool = False,
    device: str = "auto",
    memory_limit: str | int | None = None,
    progress: bool = True,
) -> Recommendation:
    """Measures settings of a pipeline, and recommends one of them.

    A loaded pipeline is measured in this process, where it is, and left exactly as it was: also
    after an error, and after Ctrl-C. A folder, the id of a hub or a pipeline as a suite writes it
    is measured in worker processes, which can also turn what only loading can: data types,
    offloading, compilation.

    Args:
        pipe: The pipeline: loaded, or where it can be loaded from.
        prompt: What to draw, or several prompts; they fill a batch in turn.
        limits: What the recommendation must keep to, as in a suite: ``memory`` ("12GiB"),
            ``latency`` ("2s", the p95 of a call), ``fidelity`` (0.9), ``batch_size``, ``headroom``.
        objective: What it minimises: ``latency_per_image`` (the default), ``latency``, ``memory``.
        axes: Knobs to sweep, with their values. By default a few schedulers, 10, 20 and 30 steps,
            batches of 1 and 4, and what saves memory where that is limited.
        fixed: Knobs that all configurations share, such as ``height`` or ``guidance_scale``.
        measure: How a configuration is measured, as in a suite.
        fidelity: How the agreement with the converged picture is measured, as in a suite; True for
            the default with a reference of 50 and 100 steps, None or False to leave it out, which
            is several times as fast.
        suite: A suite, or its file: what is not given here is taken from it, but for the pipeline.
        results: Folder that holds all results; by default a temporary one, whose references are
            not found again the next time.
        in_workers: Whether to measure a loaded pipeline in worker processes, which load it again.
        device: Where workers measure: ``auto``, ``cpu``, ``cuda``, ``cuda:1``. A loaded pipeline is
            measured where it is.
        memory_limit: What a configuration may use of the device's memory, such as "8GiB" or bytes;
            one that needs more runs out of memory.
        progress: Whether a line for each configuration goes to standard error.

    Returns:
        The answer, with all that was measured. It may recommend nothing, and then says why.

    Raises:
        CannotTune: The pipeline, or what is asked of it, cannot be measured like this.
        SuiteError: A limit, a knob or a value is not legal; the message names the legal ones.
        CannotStart: No worker could start.
        KeyboardInterrupt: Ctrl-C; what was measured stays in the run's folder.
    """
    request = Request(
        prompt=prompt,
        limits=limits,
        objective=objective,
        axes=axes,
        fixed=fixed,
        measure=measure,
        fidelity=fidelity,
        suite=suite,
    )
    limit_bytes = _limit_bytes(memory_limit)
    is_name = isinstance(pipe, (str, os.PathLike, Mapping))
    if not (is_name or in_workers):
        if device != "auto":
            raise CannotTune("a loaded pipeline is measured where it is: leave `device` out")
        return _tune_here(pipe, request, results, limit_bytes, progress)
    source, loaded = (_source(pipe), None) if is_name else (_source_of_loaded(pipe), pipe)
    asked = _suite(request, source, loaded, GPU_DTYPES if _has_gpu(device) else ())
    order = _order(asked, results, device, limit_bytes)
    return _measured(order, progress, *_parts_of_workers(order))


def _tune_here(
    pipe: Any,
    request: Request,
    results: str | os.PathLike[str] | None,
    limit_bytes: int | None,
    progress: bool,
) -> Recommendation:
    from sdbench.tuning.applying import keep
    from sdbench.tuning.as_given import left_as_given
    from sdbench.tuning.given import given
    from sdbench.tuning.local_worker import LocalLauncher

    told = given(pipe)
    suite = with_given(_suite(request, told.knobs["pipeline"], pipe, ()), told.knobs)
    order = _order(suite, results, told.torch_device, limit_bytes)
    keep(pipe)
    with left_as_given(pipe) as as_given:
        return _measured(order, progress, LocalLauncher(pipe, told, as_given), None)


def _suite(request: Request, source: JsonValue, pipe: Any, dtypes: tuple[str, ...]) -> Suite:
    """The suite to measure: the caller's, or the default sweep."""
    base = request.base()
    asked = request.parsed(source)
    if base is not None:
        return request.over(base, asked)
    if request.axes is None:
        fixed = request.fixed or {}
        saves_memory = asked.limits.memory_bytes is not None
        sweep = default_sweep(pipe, saves_memory=saves_memory, fixed=fixed, dtypes=dtypes)
        asked = request.parsed(source, sweep)
    return asked


def _order(
    suite: Suite, results: str | os.PathLike[str] | None, device: str, limit_bytes: int | None
) -> Order:
    folder = tempfile.mkdtemp(prefix="sdbench-") if results is None else results
    return Order(
        suite=suite,
        configurations=with_defaults(suite, configurations(suite)),
        results=Path(folder),
        device=device,
        memory_limit_bytes=limit_bytes,
        command_line=(_CALLED,),
    )


def _parts_of_workers(order: Order) -> tuple[Any, Any]:
    """What starts workers, and what predicts their memory, as for `sdbench run`."""
    launcher = launcher_for(order.device, worker_environment(os.environ))
    return launcher, predictor_for(order.device, order.results, os.environ)


def _measured(order: Order, progress: bool, launcher: Any, predictor: Any) -> Recommendation:
    lines = ErrorLines if progress else Silence
    listener = MutedOnFailure(lines(order.configurations))
    outcome = run_suite(order, launcher, listener, predictor, leaders)
    _raise_interruption(outcome)
    if outcome.stopped is not None:
        warnings.warn(f"measuring stopped early: {outcome.stopped}", stacklevel=4)
    return load_run(outcome.folder)


def _raise_interruption(outcome: Outcome) -> None:
    """A caller's Ctrl-C stops the caller too."""
    if outcome.stopped == "interrupted":
        raise KeyboardInterrupt(f"what was measured is in {outcome.folder}")


def _limit_bytes(raw: str | int | None) -> int | None:
    if raw is None or (isinstance(raw, int) and not isinstance(raw, bool) and raw > 0):
        return raw
    try:
        return parse_bytes(raw)
    except IllegalValue as error:
        raise CannotTune(f"memory_limit: {error}") from None


def _source(pipe: Any) -> JsonValue:
    """A pipeline that is to be loaded, as a suite would write it."""
    if isinstance(pipe, os.PathLike) or (isinstance(pipe, str) and Path(pipe).is_dir()):
        return {"path": str(Path(pipe).absolute())}
    try:
        return KNOBS["pipeline"].parse(dict(pipe) if isinstance(pipe, Mapping) else pipe)
    except IllegalValue as error:
        raise CannotTune(f"pipeline: {error}") from None


def _source_of_loaded(pipe: Any) -> JsonValue:
    """Where workers find a pipeline that is loaded here."""
    from sdbench.tuning.given import given

    told = given(pipe)
    if told.obstacle is not None:
        raise CannotTune(
            f"workers load the pipeline again, and it {told.obstacle}: give a folder or the id of "
            "a hub, or leave in_workers out to measure it here"
        )
    return told.knobs["pipeline"]


def _has_gpu(device: str) -> bool:
    return device.startswith("cuda") or (device == "auto" and has_gpu_driver())
