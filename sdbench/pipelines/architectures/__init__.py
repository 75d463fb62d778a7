"""True architectures of well-known pipelines, with random weights and without a model hub.

Latency and memory do not depend on the values of weights, so what is measured on them holds for
the published checkpoints; what they draw is noise.
"""

from __future__ import annotations

from sdbench.pipelines.architectures.build import build_pipeline

__all__ = ["build_pipeline"]
