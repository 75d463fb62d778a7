"""The names of schedulers are written down, so that suites are checked without diffusers.

Here they are held against the diffusers that is installed.
"""

from __future__ import annotations

import diffusers
import pytest

from sdbench.knobs.scheduler import CLASS_NAMES, SHORT_NAMES


@pytest.mark.parametrize("class_name", CLASS_NAMES)
def test_diffusers_has_the_class(class_name: str) -> None:
    assert issubclass(getattr(diffusers, class_name), diffusers.SchedulerMixin)


@pytest.mark.parametrize("short_name", SHORT_NAMES)
def test_a_short_name_stands_for_a_known_class(short_name: str) -> None:
    assert SHORT_NAMES[short_name][0] in CLASS_NAMES


@pytest.mark.parametrize("short_name", SHORT_NAMES)
def test_the_options_of_a_short_name_are_options_of_its_class(short_name: str) -> None:
    class_name, options = SHORT_NAMES[short_name]
    config = getattr(diffusers, class_name)(**options).config
    assert {option: config[option] for option in options} == options


def test_no_name_is_given_twice() -> None:
    names = [*SHORT_NAMES, *CLASS_NAMES]
    assert len(names) == len(set(names))


def test_all_that_fits_a_stable_diffusion_pipeline_is_known() -> None:
    """Stable Diffusion ships PNDM; what diffusers lists as compatible, a suite can name."""
    fitting = {scheduler.__name__ for scheduler in diffusers.PNDMScheduler().compatibles}
    assert {"EulerDiscreteScheduler", "DPMSolverMultistepScheduler"} <= fitting
    assert fitting <= set(CLASS_NAMES)
