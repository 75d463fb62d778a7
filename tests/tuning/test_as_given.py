from __future__ import annotations

import pytest
import torch
from tiny_pipelines import build

from sdbench.tuning.as_given import left_as_given

from .conftest import state_of


def test_whatever_was_changed_is_put_back_also_after_an_interruption() -> None:
    pipe = build()
    before = state_of(pipe)
    threads = torch.get_num_threads()

    def interrupted() -> None:
        pipe.scheduler = type(pipe.scheduler).from_config(pipe.scheduler.config)
        pipe.enable_attention_slicing(1)
        pipe.vae.enable_tiling()
        pipe.vae.decode = lambda *args: None
        pipe.unet.__class__ = type("Observed", (type(pipe.unet),), {})
        pipe.unet.to(memory_format=torch.channels_last)
        torch.set_num_threads(threads + 1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), left_as_given(pipe):
        interrupted()
    assert state_of(pipe) == before
    assert torch.get_num_threads() == threads


def test_what_was_turned_before_stays_turned() -> None:
    pipe = build()
    pipe.vae.enable_slicing()
    pipe.unet.to(memory_format=torch.channels_last)
    before = [p.stride() for p in pipe.unet.parameters()]
    with left_as_given(pipe):
        pipe.vae.disable_slicing()
        pipe.unet.to(memory_format=torch.contiguous_format)
    assert pipe.vae.use_slicing
    assert [p.stride() for p in pipe.unet.parameters()] == before


def test_random_numbers_go_on_as_if_nothing_had_been_drawn() -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    with left_as_given(build()):
        torch.rand(100)
    assert torch.equal(torch.rand(3), expected)
