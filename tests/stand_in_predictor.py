"""A process that predicts without torch: ``python stand_in_predictor.py [fault]``.

A configuration needs 100 MiB, and 50 MiB for each image; in half precision half of that. Those of
sliced attention cannot be predicted. Faults: ``crash`` at fp16, ``hang`` at fp16, ``broken``
ends before the first answer, ``babble`` for what is no answer, ``log`` writes to the file that
follows that it was started.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from sdbench.knobs.base import Unsupported
from sdbench.predict.footprint import Footprint
from sdbench.predict.messages import Wanted
from sdbench.predict.worker import serve
from sdbench.results.figure import Figure, Origin
from sdbench.units import MIB

COMMAND = (sys.executable, str(Path(__file__)))
"""What starts it, to be followed by a fault."""

SLICED = "the stand-in knows nothing of slices"


def footprint(peak_mib: float) -> Footprint:
    """A footprint that is known to 1 %, and sets its peak in the VAE."""
    peak = int(peak_mib * MIB)
    return Footprint(
        peak_allocated_bytes=Figure(peak, Origin.PREDICTED),
        interval_bytes=(int(peak * 0.99), int(peak * 1.01)),
        stage="vae_decode",
        stage_peak_allocated_bytes={"load": peak // 2, "vae_decode": peak},
        peak_reserved_bytes=Figure(peak + 20 * MIB, Origin.PREDICTED),
    )


class StandIn:
    """An estimator by a formula.

    Args:
        fault: What goes wrong in half precision.
    """

    def __init__(self, fault: str = "") -> None:
        self.fault = fault
        self.asked: list[tuple[Mapping[str, Any], tuple[int, ...]]] = []

    def footprints(
        self, knobs: Mapping[str, Any], batch_sizes: Sequence[int]
    ) -> Mapping[int, Footprint]:
        """See `sdbench.predict.predictor.Estimator`."""
        self.asked.append((knobs, tuple(batch_sizes)))
        is_half = knobs["dtype"] != "fp32"
        if is_half and self.fault == "crash":
            crash()
        if is_half and self.fault == "hang":
            while True:
                os.read(os.pipe()[0], 1)
        if knobs["attention_slicing"] != "off":
            raise Unsupported(SLICED)
        share = 0.5 if is_half else 1.0
        return {size: footprint(share * (100 + 50 * size)) for size in batch_sizes}


def crash() -> NoReturn:
    """Ends the process, with a last line that tells why."""
    print("the stand-in crashed", file=sys.stderr, flush=True)
    os._exit(5)


def main() -> None:
    fault, *arguments = [*sys.argv[1:], ""]
    if fault == "log":
        with Path(arguments[0]).open("a") as log:
            log.write(f"CUDA_VISIBLE_DEVICES={os.environ['CUDA_VISIBLE_DEVICES']!r}\n")
    if fault == "broken":
        crash()
    if fault == "babble":
        print("no answer", flush=True)

    def estimator(wanted: Wanted) -> StandIn:
        return StandIn(fault)

    serve(sys.stdin.buffer, sys.stdout.buffer, estimator)
    os._exit(0)


if __name__ == "__main__":
    main()
