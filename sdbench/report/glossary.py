"""The words of a report that need a definition."""

from __future__ import annotations

from collections.abc import Mapping

GLOSSARY: Mapping[str, str] = {
    "p95": (
        "95th percentile of the timed calls: 19 of 20 calls took no longer. A latency limit is "
        "held against it."
    ),
    "latency an image": (
        "Median time of a call, divided by the images that the call draws. What a caller waits "
        "for is the latency of a call."
    ),
    "interval": (
        "Where the true median lies with 95 % confidence, unless another is said. Of two "
        "configurations whose intervals overlap, none is called the faster one."
    ),
    "tie": (
        "A configuration whose interval overlaps that of the fastest: this run cannot tell which "
        "of the two is faster. Among ties the one that allocates least is recommended, then the "
        "one with the highest fidelity."
    ),
    "allocated": (
        "Peak of live tensor bytes: what the tensors themselves take. The same in every run, so "
        "it decides among ties."
    ),
    "reserved": (
        "Peak that the allocator held of the device: the tensors, and what it keeps for the next "
        "ones."
    ),
    "on the device": (
        "Peak that the process added to the device's use, as the driver tells: what is reserved, "
        "the CUDA context, kernels, workspaces of libraries."
    ),
    "resident": (
        "Peak memory of the worker process on the host, libraries and all. On the CPU it is what "
        "a memory limit is held against."
    ),
    "headroom": (
        "A share that is added to the peak before it is held against the memory limit, since use "
        "varies from run to run."
    ),
    "fidelity": (
        "Agreement with the converged picture of the same prompt and noise, from 0 (no more than "
        "another seed's picture) to 1 (as near as convergence itself). The median of the "
        "pictures. It is not quality."
    ),
    "worst picture": (
        "The fidelity of the picture that is furthest from the converged one. A fidelity limit is "
        "held against it."
    ),
    "NFE": (
        "Number of function evaluations: how often the denoiser runs for one picture. Some "
        "schedulers run it twice a step."
    ),
    "frontier": (
        "The configurations that no other beats in both latency and memory. Whatever is not on it "
        "costs more of one for nothing of the other."
    ),
    "derived": (
        "Not measured, since measured configurations that share its stages tell it: their seconds "
        "are added up. Its interval says where a measurement of it would lie."
    ),
    "origin": (
        "Where a figure comes from: measured; inferred from other measured figures; predicted "
        "before the run; derived by arithmetic from measured ones."
    ),
}
"""Each word with what it means here, in the order in which a reader meets them."""
