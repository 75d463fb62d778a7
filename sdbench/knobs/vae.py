"""Decoding of the latents in parts: image by image (slicing), or tile by tile (tiling)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sdbench.jsontypes import JsonValue
from sdbench.knobs.base import Applied, Code, SetupKnob, Switch, Unsupported


class _VaePartsKnob(Switch, SetupKnob):
    """A switch of the VAE that works only on inputs with enough parts.

    Attributes:
        flag: The VAE's attribute that is true while the switch is on.
        method: Stem of the VAE's methods ``enable_...`` and ``disable_...``.
        worker: The VAE's method that a decode calls once a part.
        least_calls: Calls of ``worker`` in one decode that show that the switch took effect.
        no_effect: Why it had none, where it had none.
    """

    flag: str
    method: str
    worker: str
    least_calls: int
    no_effect: str

    def apply(
        self, pipe: Any, value: JsonValue, knobs: Mapping[str, JsonValue], torch_device: str
    ) -> Applied:
        vae = getattr(pipe, "vae", None)
        if vae is None or not hasattr(vae, self.flag):
            raise Unsupported(f"the VAE of {type(pipe).__name__} has no {self.method}")
        if not hasattr(vae, self.worker):
            raise Unsupported(
                f"{type(vae).__name__} has no {self.worker} that would show whether {self.name} "
                "took effect"
            )
        if getattr(vae, self.flag):
            raise Unsupported(f"{self.name} is on already, so turning it on changes nothing")
        getattr(vae, f"enable_{self.method}")()
        calls, stop_counting = _count_calls(vae, self.worker)

        def undo() -> None:
            stop_counting()
            getattr(vae, f"disable_{self.method}")()

        def verify() -> None:
            stop_counting()
            if len(calls) < self.least_calls:
                raise Unsupported(self.no_effect)

        return Applied(undo, verify)

    def code(self, value: JsonValue) -> Code:
        return Code(statements=(f"pipe.vae.enable_{self.method}()",) if value == "on" else ())


class VaeSlicingKnob(_VaePartsKnob):
    name = "vae_slicing"
    summary = "decode a batch image by image"
    flag = "use_slicing"
    method = "slicing"
    worker = "_decode"
    least_calls = 2
    no_effect = "VAE slicing decodes a batch image by image; a batch of one has no parts"


class VaeTilingKnob(_VaePartsKnob):
    name = "vae_tiling"
    summary = "decode each image tile by tile (changes the image slightly)"
    flag = "use_tiling"
    method = "tiling"
    worker = "tiled_decode"
    least_calls = 1
    no_effect = "VAE tiling splits images larger than one tile; this one is not"


def _count_calls(vae: Any, method: str) -> tuple[list[None], Callable[[], None]]:
    """A list that grows by one with each call of a method, and what ends the counting."""
    original = getattr(vae, method)
    calls: list[None] = []

    def counted(*args: Any, **kwargs: Any) -> Any:
        calls.append(None)
        return original(*args, **kwargs)

    setattr(vae, method, counted)

    def stop() -> None:
        vae.__dict__.pop(method, None)

    return calls, stop
