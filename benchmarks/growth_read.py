"""Reads a run in a process that does nothing else: records, processor seconds, peak memory.

python benchmarks/growth_read.py FOLDER
"""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path

from sdbench.results.store import read_run


def main() -> None:
    """Prints how many records there are, the seconds, and the resident bytes at their peak."""
    started_s = time.process_time()
    run = read_run(Path(sys.argv[1]))
    processor_s = time.process_time() - started_s
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(len(run.records), processor_s, peak * (1 if sys.platform == "darwin" else 1024))


if __name__ == "__main__":
    main()
