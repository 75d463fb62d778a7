"""What holds for every test: no model hub, and tests of a GPU only where there is one."""

from __future__ import annotations

import os

# These are read when huggingface_hub, tokenizers and torch are imported: they stand before imports.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
# Threads of one operation wait for each other in a busy loop: on a shared machine two are slower.
os.environ["OMP_NUM_THREADS"] = "1"

import functools

import pytest


@functools.cache
def _has_cuda() -> bool:
    import torch  # takes seconds, so it waits until a test asks for a GPU

    return torch.cuda.is_available()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu") and not _has_cuda():
        pytest.skip("needs a CUDA GPU, and torch finds none")
