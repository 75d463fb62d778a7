"""What holds for every test: no model hub, and tests of a GPU only where there is one."""

from __future__ import annotations

import os

# These are read when huggingface_hub, tokenizers and torch are imported: they stand before imports.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
# Threads of one operation wait for each other in a busy loop: on a shared machine two are slower.
# Where a test asks for two nevertheless, they wait asleep, or they take the cores from other tests.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"

import functools
import gc
import signal

import pytest

# A shell that starts the tests in the background has them ignore Ctrl-C, and so all they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@functools.cache
def _has_cuda() -> bool:
    import torch  # takes seconds, so it waits until a test asks for a GPU

    return torch.cuda.is_available()


HEAVY = (
    "fleet/test_ray_cluster.py",
    "cli/test_shards.py",
    "run/test_reuse.py",
    "predict/test_tracing.py",
    "run/test_judge.py",
    "report/test_agreement.py",
    "report/test_table.py",
    "pipelines/architectures/test_build.py",
    "run/test_session.py",
    "pipelines/test_hub.py",
    "tuning/test_tune.py",
    "run/test_fit.py",
    "report/test_browser.py",
    "cli/test_commands.py",
    "analysis/test_code_runs.py",
    "run/test_predictor.py",
    "run/test_controller.py",
    "testing/test_check_plugin.py",
    "run/test_ab.py",
    "run/test_folders.py",
    "cli/test_ab.py",
)
"""Files that take longest: where processes share the tests these come first, or one waits."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if "PYTEST_XDIST_WORKER" in os.environ:
        places = {f"tests/{name}": place for place, name in enumerate(HEAVY)}
        items.sort(key=lambda item: places.get(item.nodeid.split("::")[0], len(places)))


def pytest_collection_finish() -> None:
    """The imported modules stay: a test that collects garbage need not look through them.

    Tensors that exist by then are no longer found by `live_tensor_bytes`.
    """
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu") and not _has_cuda():
        pytest.skip("needs a CUDA GPU, and torch finds none")
