from __future__ import annotations

from collections.abc import Iterator

import pytest
from pipelines.architectures.shrunk import shared


@pytest.fixture(scope="module", autouse=True)
def _free_the_shared_pipelines() -> Iterator[None]:
    """All of them take a gigabyte, which no test after these needs."""
    yield
    shared.cache_clear()
