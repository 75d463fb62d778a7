"""What offloaded weights take of a device, where they are converted on the way."""

from __future__ import annotations

import pytest
from pipelines.architectures.shrunk import shrunk
from tiny_pipelines import configuration

from sdbench.pipelines.architectures import build
from sdbench.predict.trace import Trace
from sdbench.predict.tracing import Weightless
from sdbench.suite.model import Inputs

AMPERE = (8, 0)
FP32_BYTES = 4


def begun_before_decoding(trace: Trace) -> int:
    """Bytes of what began between the denoiser's evaluations and the VAE's decoding."""
    stages = [event.stage for event in trace.events]
    between = trace.events[_last(stages, "denoiser") : stages.index("vae_decode")]
    return sum(event.bytes for event in between if not event.is_free)


def _last(stages: list[str], stage: str) -> int:
    return len(stages) - 1 - stages[::-1].index(stage)


@pytest.mark.parametrize("way", ["model", "sequential", "group"])
def test_a_vae_that_is_converted_in_host_memory_takes_nothing_of_the_device(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SDXL's VAE decodes in fp32, and is converted before it comes to the device.

    Its converted weights were counted beside the denoiser's with offload model, and at once and
    to the end of the call with offload sequential.
    """
    monkeypatch.setattr(build, "read_configs", lambda _: shrunk("sdxl"))
    source = {"architecture": "sdxl", "weights": "random"}
    knobs = configuration(
        pipeline=source, steps=1, height=64, width=64, dtype="fp16", offload=way
    ).knobs
    weightless = Weightless(Inputs(prompts=("a cat",)), knobs)
    vae = weightless.pipe.vae
    assert vae.config.force_upcast
    whole_bytes = FP32_BYTES * sum(parameter.numel() for parameter in vae.parameters())
    trace = weightless.trace(knobs, AMPERE)
    assert begun_before_decoding(trace) < whole_bytes / 4
    at_decoding = trace.stage_peak_bytes["vae_decode"]
    assert (at_decoding > whole_bytes) is (way == "model")
