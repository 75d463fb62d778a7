"""Records, runs and suites in one line each, for tests of everything that reads them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

from sdbench.pipelines.base import Solver
from sdbench.results.derived import DerivedLatency
from sdbench.results.fidelity import Agreement, Fidelity, Reference, Subject
from sdbench.results.figure import Figure, Origin
from sdbench.results.record import Record, Status, StopReason
from sdbench.results.store import Run, RunInfo, RunWriter, read_run
from sdbench.suite.configuration import Configuration
from sdbench.suite.model import Suite
from sdbench.units import MIB

STARTED_AT = "2026-01-02T03:04:05Z"
PIPELINE = {"builtin": "tiny"}
STEADY_S = (0.98, 0.99, 1.0, 1.0, 1.01, 1.02)
"""Six samples around one second: the median is 1.0, and its 95 % interval their whole range."""


def knobs(**values: Any) -> Mapping[str, Any]:
    """One value for every knob: those given, the tiny pipeline, and neutral ones."""
    return Configuration.of({"pipeline": PIPELINE, **values}).knobs


def around(median_s: float, spread: float = 0.02) -> tuple[float, ...]:
    """Six samples whose median is ``median_s``, and whose interval is +- ``spread`` of it."""
    return tuple(median_s * (1 + spread * share) for share in (-1, -0.5, 0, 0, 0.5, 1))


REFERENCE = Reference(
    key="reference-1",
    scheduler="euler",
    steps=100,
    floor_psnr_db=10.0,
    floor_ssim=0.1,
    ceiling_psnr_db=50.0,
    ceiling_ssim=0.99,
    pictures=("images/reference-0.png", "images/reference-1.png"),
)
"""From floor to ceiling it is 40 dB: a score of 0.5 is 30 dB."""

NOT_COMPARABLE = "not comparable: the sampler draws fresh noise at every step"


def fidelity(score: float, worst: float | None = None, **fields: Any) -> Fidelity:
    """The fidelity of two pictures, of a score that lies midway between theirs.

    Args:
        score: Its score.
        worst: The worse picture's score; without it both have the score.
        fields: Fields of `Fidelity` in place of the usual ones.
    """
    least = score if worst is None else worst
    scores = (least, 2 * score - least)
    content: dict[str, Any] = {
        "score": score,
        "worst_score": least,
        "against_reference": Agreement(
            psnr_db=tuple(10.0 + 40.0 * share for share in scores),
            ssim=tuple(min(1.0, share) for share in scores),
            latent_rmse=(0.2, 0.1),
        ),
        "numerical": Agreement(psnr_db=(58.0, 60.0), ssim=(0.998, 1.0), latent_rmse=(0.02, 0.01)),
        "is_degenerate": False,
        "reference": REFERENCE,
        "denoiser_evaluations": 20,
        "subjects": (Subject(prompt="a fox", seed=0), Subject(prompt="a hen", seed=1)),
        "pictures": {0: "images/0.png", 1: "images/1.png"},
    }
    return Fidelity(**{**content, **fields})


def unscored(reason: str, **fields: Any) -> Fidelity:
    """The fidelity of two pictures that were compared with no reference.

    Args:
        reason: Why not.
        fields: Fields of `Fidelity` in place of the usual ones.
    """
    content = {"score": None, "worst_score": None, "against_reference": None, "reason": reason}
    return replace(fidelity(0.5), **{**content, **fields})


def record(
    *,
    status: Status = Status.OK,
    samples_s: Sequence[float] | None = None,
    allocated_mib: float | None = 200,
    reserved_mib: float | None = None,
    device_used_mib: float | None = None,
    rss_mib: float | None = 900,
    fidelity: Fidelity | None = None,
    fields: Mapping[str, Any] | None = None,
    **knob_values: Any,
) -> Record:
    """A record of the configuration that ``knob_values`` make.

    Args:
        status: How the round ended; one that did not end well has no samples and no memory.
        samples_s: Timed calls in seconds; `STEADY_S` for a round that ended ``ok``.
        allocated_mib: Memory figures in MiB; None stands for a figure that is not available.
        reserved_mib: See ``allocated_mib``.
        device_used_mib: See ``allocated_mib``.
        rss_mib: See ``allocated_mib``.
        fidelity: What the configuration does to the picture; not measured without it.
        fields: Further fields of `Record`, which win over all others.
        knob_values: Values that differ from neutral.
    """
    values = knobs(**knob_values)
    has_samples = status in (Status.OK, Status.UNSTABLE)
    samples = tuple(samples_s if samples_s is not None else STEADY_S if has_samples else ())
    content: dict[str, Any] = {
        "key": Configuration(values).key,
        "knobs": values,
        "worker": "worker-1",
        "started_at": STARTED_AT,
        "status": status,
        "reason": None if status is Status.OK else f"it ended {status.value}",
        "samples_s": samples,
        "is_outlier": tuple(False for _ in samples),
        "is_throttled": tuple(False for _ in samples),
        "stop_reason": StopReason.CONVERGED if samples else None,
        "images_per_call": values["batch_size"] if samples else None,
    }
    if has_samples:
        content |= {
            "load_s": 0.5,
            "first_call_s": 2.0,
            "peak_allocated_bytes": mebibytes(allocated_mib),
            "peak_reserved_bytes": mebibytes(reserved_mib),
            "peak_device_used_bytes": mebibytes(device_used_mib),
            "peak_rss_bytes": mebibytes(rss_mib),
        }
    if fidelity is not None:
        content["fidelity"] = fidelity
    return Record(**{**content, **(fields or {})})


def derived(
    call_s: float = 1.0,
    *,
    spread: float = 0.03,
    sources: int = 12,
    allocated_mib: float | None = 200,
    rss_mib: float | None = 900,
    fidelity: Fidelity | None = None,
    stages_s: Mapping[str, float] | None = None,
    **knob_values: Any,
) -> Record:
    """A record whose figures follow from those of others.

    Args:
        call_s: Seconds of one call.
        spread: Half the width of its interval as a share of these.
        sources: Measured configurations that it rests on.
        allocated_mib: Memory figures in MiB; None stands for a figure that is not available.
        rss_mib: See ``allocated_mib``.
        fidelity: What the configuration does to the picture; not measured without it.
        stages_s: Seconds of its stages; all of the call's are the denoiser's without them.
        knob_values: Values that differ from neutral.
    """
    images = knob_values.get("batch_size", 1)
    told = DerivedLatency(
        call_s=call_s,
        low_s=call_s * (1 - spread),
        high_s=call_s * (1 + spread),
        confidence=0.95,
        images_per_call=images,
        stages_s=stages_s or {"denoiser": call_s},
        denoiser_evaluations=20,
        sources=sources,
        basis="the terms of others with the same settings",
    )
    fields = {
        "worker": "none",
        "reason": "derived: its latency and memory follow from others",
        "derived_latency": told,
        "images_per_call": images,
        "denoiser_evaluations": 20,
        "peak_allocated_bytes": _from_others(allocated_mib),
        "peak_rss_bytes": _from_others(rss_mib),
    }
    return record(status=Status.SKIPPED, fidelity=fidelity, fields=fields, **knob_values)


def inferred_oom(key: str = "a" * 12, **knob_values: Any) -> Record:
    """A record of what needs no less memory than the configuration of ``key``, which ran out."""
    reason = "inferred: the same settings with batch_size 4 ran out of memory"
    fields = {"worker": "none", "reason": reason, "inferred_oom_key": key}
    return record(status=Status.SKIPPED, fields=fields, **knob_values)


def _from_others(value_mib: float | None) -> Figure:
    if value_mib is None:
        return Figure.absent("this device does not tell")
    return Figure(int(value_mib * MIB), Origin.DERIVED, "the largest of 3 measured")


def mebibytes(value_mib: float | None) -> Figure:
    """A measured figure in bytes, or one that is not available."""
    if value_mib is None:
        return Figure.absent("this device does not tell")
    return Figure.measured(int(value_mib * MIB))


def info(
    suite: Suite, planned_keys: Iterable[str], *, device: str = "Test CPU", **fields: Any
) -> RunInfo:
    """What holds for all records of a run of ``suite``."""
    content: dict[str, Any] = {
        "suite": suite.to_json(),
        "device": device,
        "fingerprint": {"device": device, "torch": "2.13.0"},
        "environment": {"python": "3.11.7", "torch_device": "cpu"},
        "started_at": STARTED_AT,
        "planned_keys": tuple(planned_keys),
    }
    if "suite_json" in fields:
        content["suite"] = fields.pop("suite_json")
    return RunInfo(**{**content, **fields})


def run(
    folder: Path,
    records: Sequence[Record],
    *,
    suite: Suite | None = None,
    missing: Iterable[str] = (),
    **info_fields: Any,
) -> Run:
    """A run that was written to a folder below ``folder``, and read back.

    Args:
        folder: An existing folder.
        records: Its records; their configurations are planned in this order.
        suite: Its suite; one named ``test`` without axes where none is given.
        missing: Keys of further planned configurations, without a record.
        info_fields: Fields of `RunInfo` in place of the usual ones; ``suite_json`` is for suites
            that `Suite` cannot express.
    """
    keys = [*dict.fromkeys(r.key for r in records), *missing]
    run_info = info(suite or Suite(name="test", fixed={"pipeline": PIPELINE}), keys, **info_fields)
    # To wait for the disk after each record takes milliseconds, and some tests write thousands.
    with RunWriter.create(folder / "run", run_info) as writer, mock.patch("os.fsync"):
        for one in records:
            writer.append(one)
    return read_run(folder / "run")


def solver(**fields: Any) -> Solver:
    """A deterministic sampler that began at the first timestep."""
    return Solver(
        **{
            "scheduler": "DPMSolverMultistepScheduler",
            "first_timestep": 999.0,
            "train_timesteps": 1000,
            "denoiser_evaluations": 20,
            "randomness": None,
            **fields,
        }
    )
