"""What holds for every test: no model hub, and tests of a GPU only where there is one."""

from __future__ import annotations

import os

# Both are read when huggingface_hub and tokenizers are imported, so this stands before all imports.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

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
