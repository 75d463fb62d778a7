from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sdbench.suite.errors import SuiteError
from sdbench.suite.load import load_suite
from sdbench.suite.model import Suite

Load = Callable[..., Suite]
Refusal = Callable[..., str]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Loads a text from a file ``suite.yaml``, after a first line that names the pipeline."""
    monkeypatch.chdir(tmp_path)

    def load_text(text: str | bytes, *, pipeline: str = "pipeline: tiny\n") -> Suite:
        content = pipeline.encode() + (text if isinstance(text, bytes) else text.encode())
        Path("suite.yaml").write_bytes(content)
        return load_suite(Path("suite.yaml"))

    return load_text


@pytest.fixture
def refusal(load: Load) -> Refusal:
    """The message that a text is refused with."""

    def refuse(text: str | bytes, *, pipeline: str = "pipeline: tiny\n") -> str:
        with pytest.raises(SuiteError) as refused:
            load(text, pipeline=pipeline)
        return str(refused.value)

    return refuse
