"""The pytest plugin where it is not used: it costs nothing, and leaves other projects alone."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest_plugins = ("pytester",)

START = """
import sys
import pytest

pytest.main(["-q", "-p", "no:cacheprovider"])
print(*sorted(name for name in sys.modules if name.split(".")[0] == "sdbench"))
print(*sorted({"torch", "pandas", "numpy", "pydantic", "click"} & {*sys.modules}))
"""


def test_a_session_that_does_not_use_it_imports_nothing_but_its_hooks(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(test_unit="def test_unit(): pass")
    finished = subprocess.run(
        [sys.executable, "-c", START], cwd=pytester.path, capture_output=True, text=True, check=True
    )
    assert finished.stdout.splitlines()[-2:] == ["sdbench sdbench.pytest_plugin", ""]


def test_a_project_s_own_fixture_of_the_same_name_is_left_alone(pytester: pytest.Pytester) -> None:
    """Every test with such a fixture got a warning of pytest-benchmark, that it was not used."""
    pytester.makepyfile(
        """
        import pytest

        @pytest.fixture
        def sdbench():
            return "own"

        def test_own(sdbench, request):
            assert sdbench == "own"
            assert "benchmark" not in request.fixturenames
        """
    )
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-W", "error")
    result.assert_outcomes(passed=1)
