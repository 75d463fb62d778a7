from __future__ import annotations

import pytest
import torch

from sdbench.devices.cpu import CpuDevice
from sdbench.devices.select import NoSuchDevice, select_device


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two GPUs, as far as counting goes."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.mark.usefixtures("no_gpu")
@pytest.mark.parametrize("word", ["cpu", "auto"])
def test_without_a_gpu_cpu_and_auto_are_the_cpu(word: str) -> None:
    assert isinstance(select_device(word), CpuDevice)


@pytest.mark.usefixtures("gpus")
def test_the_cpu_can_be_chosen_beside_gpus() -> None:
    assert isinstance(select_device("cpu"), CpuDevice)


@pytest.mark.usefixtures("no_gpu")
@pytest.mark.parametrize("word", ["cuda", "cuda:0", "gpu", "", "cpu:0", "CPU"])
def test_a_device_that_is_not_there_is_answered_with_what_is(word: str) -> None:
    with pytest.raises(NoSuchDevice) as raised:
        select_device(word)
    assert str(raised.value) == f"there is no device {word!r} here; there is: cpu"


@pytest.mark.usefixtures("gpus")
@pytest.mark.parametrize("word", ["cuda:2", "cuda:", "cuda:-1", "cuda:one", "cuda:²", "mps"])
def test_the_answer_lists_every_gpu(word: str) -> None:
    with pytest.raises(NoSuchDevice, match=r"there is: cpu, cuda:0, cuda:1$"):
        select_device(word)
