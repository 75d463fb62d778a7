from __future__ import annotations

from pathlib import Path

from tiny_pipelines import shared, shared_flux

from sdbench.suite.expand import configurations
from sdbench.suite.load import suite_from_mapping
from sdbench.tuning.sweep import default_sweep

TRAILING = [{"name": name, "timestep_spacing": "trailing"} for name in ("dpmpp_2m", "unipc")]


def test_schedulers_steps_and_batches_are_swept() -> None:
    sweep = default_sweep(shared(), saves_memory=False, fixed=())
    assert sweep == {
        "axes": {
            "scheduler": ["default", *TRAILING],
            "steps": [10, 20, 30],
            "batch_size": [1, 4],
        },
        "include": [],
    }


def test_what_saves_memory_is_swept_where_it_is_limited() -> None:
    sweep = default_sweep(shared(), saves_memory=True, fixed=())
    added = [
        {name: value for name, value in rule.items() if name not in ("scheduler", "steps")}
        for rule in sweep["include"]
    ]
    assert added == [
        {"batch_size": [1], "attention_slicing": "auto"},
        {"batch_size": [4], "attention_slicing": "auto", "vae_slicing": "on"},
        {"batch_size": [4], "vae_slicing": "on"},
    ]


def test_what_is_fixed_is_not_swept() -> None:
    fixed = {"batch_size": 2, "attention_slicing": "max", "steps": 8}
    sweep = default_sweep(shared(), saves_memory=True, fixed=fixed)
    assert sweep["axes"] == {"scheduler": ["default", *TRAILING]}
    assert sweep["include"] == []


def test_flow_matching_keeps_its_scheduler() -> None:
    assert "scheduler" not in default_sweep(shared_flux(), saves_memory=False, fixed=())["axes"]


def test_it_stands_for_a_handful() -> None:
    sweep = default_sweep(None, saves_memory=True, fixed=(), dtypes=("fp16",))
    data = {"name": "x", "pipeline": "owner/name", **sweep}
    assert len(configurations(suite_from_mapping(data, Path.cwd()))) == 45
