"""What drawing for comparison needs of a pipeline: noise that no data type changes, and latents."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from diffusers.utils import torch_utils
from numpy.typing import NDArray


@contextmanager
def fp32_noise() -> Iterator[None]:
    """While entered, diffusers draws its noise in fp32 and casts it.

    ``torch.randn`` in half precision gives other numbers for the same seed at some sizes (on the
    CPU those that 16 does not divide): another picture, which would hide what a data type costs.
    """
    original = torch_utils.randn_tensor

    def drawn_in_fp32(*args: Any, dtype: torch.dtype | None = None, **kwargs: Any) -> torch.Tensor:
        noise: torch.Tensor = original(*args, dtype=torch.float32, **kwargs)
        return noise if dtype is None else noise.to(dtype)

    changed = [
        module
        for module in list(sys.modules.values())
        if getattr(module, "__dict__", {}).get("randn_tensor") is original
    ]
    for module in changed:
        module.randn_tensor = drawn_in_fp32  # type: ignore[attr-defined]
    try:
        yield
    finally:
        for module in changed:
            module.randn_tensor = original  # type: ignore[attr-defined]


@contextmanager
def final_latents(pipe: Any) -> Iterator[Callable[[int], Sequence[NDArray[np.float32] | None]]]:
    """While entered, keeps what the VAE is given to decode; the value tells the last so many.

    Each is fp32 [channels, height, width] (or whatever shape the pipeline's latents have), and None
    where nothing was decoded for each picture, as by a pipeline that has no VAE.
    """
    caught: list[Any] = []
    vae = getattr(pipe, "vae", None)
    if vae is None:
        yield lambda count: [None] * count
        return
    shadowed = vae.__dict__.get("decode")
    decode = vae.decode

    def catching(latents: Any, *args: Any, **kwargs: Any) -> Any:
        caught.extend(latents.detach().float().cpu().numpy())
        return decode(latents, *args, **kwargs)

    vae.__dict__["decode"] = catching
    try:
        yield lambda count: caught[-count:] if len(caught) >= count else [None] * count
    finally:
        if shadowed is None:
            del vae.__dict__["decode"]
        else:
            vae.__dict__["decode"] = shadowed
