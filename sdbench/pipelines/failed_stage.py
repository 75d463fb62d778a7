"""In which stage of a call an exception was raised: noted on the exception as it passes.

Nothing is done for it while all goes well, so that timed calls are not disturbed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sdbench.errors import causes
from sdbench.pipelines.base import StageObserver

_STAGE = "_sdbench_stage"


def note_stage(error: BaseException, stage: str) -> None:
    """Notes the stage that an exception leaves; the innermost one stays."""
    if failed_stage(error) is None:
        error.__dict__[_STAGE] = stage


def failed_stage(error: BaseException) -> str | None:
    """The stage in which an exception, or one that led to it, was raised; None outside of all."""
    found = (one.__dict__.get(_STAGE) for one in causes(error))
    return next((stage for stage in found if stage is not None), None)


@contextmanager
def stage_of_call(observer: StageObserver | None, stage: str) -> Iterator[None]:
    """A stage, told to an observer if there is one."""
    if observer is not None:
        observer.enter_stage(stage)
    try:
        yield
    except Exception as error:
        note_stage(error, stage)
        raise
    finally:
        if observer is not None:
            observer.leave_stage(stage)
