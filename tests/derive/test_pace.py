"""What the machine's pace did to a measurement is told by the stages that a cell shares."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest
from imagined import Imagined, grid

from sdbench.derive.observation import DENOISER, OTHER, Observation
from sdbench.derive.pace import UsualPace

CALLS = [(steps, batch) for batch in (1, 2, 4) for steps in (2, 4, 8, 12, 16, 20, 24, 28)]


def observed(
    steps: int, batch: int, disturb: Callable[[str], float] = lambda stage: 1.0
) -> Observation:
    """One with known terms, each stage times its disturbance."""
    stages_s = {
        "text_encoding": 0.01 * batch,
        DENOISER: 0.1 * steps * batch,
        OTHER: 0.01 * steps,
        "vae_decode": 0.05 * batch,
    }
    stages_s = {name: seconds * disturb(name) for name, seconds in stages_s.items()}
    return Observation(
        key=f"{steps} steps, batch {batch}",
        cell=str(batch),
        sampler="euler",
        loop="euler",
        steps=steps,
        evaluations=steps,
        call_s=math.fsum(stages_s.values()),
        stages_s=stages_s,
        images_per_call=batch,
    )


def disturbed(factors: Callable[[random.Random], Mapping[str, float]]) -> list[Observation]:
    """Observations whose stages take longer by what is drawn for each of them."""
    draw = random.Random(3)
    found = []
    for steps, batch in CALLS:
        by_stage = factors(draw)
        found.append(observed(steps, batch, lambda stage, of=by_stage: of.get(stage, of["all"])))  # type: ignore[misc]
    return found


def off_by(seen: Observation) -> float:
    """How many times as long as without any disturbance."""
    return seen.call_s / observed(seen.steps, seen.images_per_call).call_s


def spread(ratios: list[float]) -> float:
    return max(ratios) / min(ratios) - 1


def test_what_slows_all_stages_alike_is_taken_out() -> None:
    """Up to what is usual in a cell: that the cell was slow throughout nothing tells."""
    seen = disturbed(lambda draw: {"all": math.exp(draw.gauss(0, 0.2))})
    pace = UsualPace(seen)
    for cell in ("1", "2", "4"):
        here = [one for one in seen if one.cell == cell]
        assert spread([off_by(one) for one in here]) > 0.3
        assert spread([off_by(pace.usual(one)) for one in here]) < 1e-9


def test_a_denoiser_that_feels_the_machine_more_is_put_right_too() -> None:
    def factors(draw: random.Random) -> Mapping[str, float]:
        log = draw.gauss(0, 0.1)
        return {"all": math.exp(log), DENOISER: math.exp(1.5 * log), OTHER: math.exp(1.5 * log)}

    seen = disturbed(factors)
    pace = UsualPace(seen)
    for cell in ("1", "2", "4"):
        here = [one for one in seen if one.cell == cell]
        assert spread([off_by(one) for one in here]) > 0.2
        assert spread([off_by(pace.usual(one)) for one in here]) < 0.01


def test_what_a_call_waited_for_a_processor_is_taken_out_of_it() -> None:
    """It waited for 60 % of one call, which took 2.5 times as long."""
    quiet = disturbed(lambda draw: {"all": math.exp(draw.gauss(0, 0.05))})
    crowded = replace(quiet[3].scaled(dict.fromkeys(quiet[3].stages_s, 2.5)), waited_ratio=0.6)
    seen = [*quiet[:3], crowded, *quiet[4:]]
    assert off_by(crowded) > 2
    assert UsualPace(seen).usual(crowded).call_s == pytest.approx(
        UsualPace(quiet).usual(quiet[3]).call_s
    )


def test_where_all_wait_alike_nothing_is_taken_out() -> None:
    seen = [replace(one, waited_ratio=0.3) for one in disturbed(lambda draw: {"all": 1.0})]
    pace = UsualPace(seen)
    assert [pace.usual(one) for one in seen] == seen


def test_a_call_that_only_waited_is_not_taken_for_nothing() -> None:
    seen = disturbed(lambda draw: {"all": 1.0})
    one = replace(seen[3], waited_ratio=1.0)
    assert UsualPace([*seen[:3], one, *seen[4:]]).usual(one).call_s > 0


def test_what_the_shared_stages_do_alone_is_not_taken_out_of_the_denoiser() -> None:
    def factors(draw: random.Random) -> Mapping[str, float]:
        own = math.exp(draw.gauss(0, 0.2))
        return {"all": 1.0, "text_encoding": own, "vae_decode": own}

    seen = disturbed(factors)
    pace = UsualPace(seen)
    for one in seen:
        usual = pace.usual(one)
        assert usual.stages_s[DENOISER] == pytest.approx(one.stages_s[DENOISER])
        assert usual.call_s == pytest.approx(math.fsum(usual.stages_s.values()))


def test_a_setting_that_changes_the_denoiser_is_no_pace() -> None:
    seen = disturbed(lambda draw: {"all": 1.0, DENOISER: math.exp(draw.gauss(0, 0.2))})
    pace = UsualPace(seen)
    assert [pace.usual(one) for one in seen] == seen


def test_the_only_one_of_its_cell_stays_as_it_is() -> None:
    seen = disturbed(lambda draw: {"all": math.exp(draw.gauss(0, 0.2))})
    alone = observed(4, 8, lambda stage: 1.3)
    assert UsualPace([*seen, alone]).usual(alone) == alone


def test_without_stages_nothing_is_told() -> None:
    one, other = (
        Observation(
            key=str(call_s),
            cell="1",
            sampler="euler",
            loop="euler",
            steps=4,
            evaluations=4,
            call_s=call_s,
            stages_s={OTHER: call_s},
            images_per_call=1,
        )
        for call_s in (1.0, 1.5)
    )
    assert UsualPace([one, other]).usual(other) == other
    assert UsualPace([]).usual(one) == one


def test_a_wandering_machine_costs_little_precision() -> None:
    """All that was measured is 20 % off; at the usual pace of a cell next to nothing is."""
    machine = Imagined(noise=0.2)
    from sdbench.derive.observation import observe

    records = machine.measure(grid())
    seen = [one for record in records.values() if (one := observe(record)) is not None]
    pace = UsualPace(seen)
    ratios: dict[str, list[float]] = {}
    for one in seen:
        ratio = pace.usual(one).call_s / machine.call_s(records[one.key].knobs)
        ratios.setdefault(one.cell, []).append(ratio)
    assert max(spread(some) for some in ratios.values()) < 0.03
