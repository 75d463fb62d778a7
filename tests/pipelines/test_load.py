from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_pipelines import SMALL, build

from sdbench.knobs.base import Unsupported
from sdbench.pipelines.effective import modules
from sdbench.pipelines.load import DiffusersLoader, LoadError
from sdbench.suite.configuration import Configuration
from sdbench.suite.model import Inputs, Task


def load(
    source: Mapping[str, Any], trust: bool = False, task: Task = Task.TEXT_TO_IMAGE, **knobs: Any
) -> Any:
    loader = DiffusersLoader(task, Inputs(), "cpu", trust)
    return loader.load(Configuration.of({"pipeline": source, **knobs}).knobs)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tiny pipeline, as safetensors."""
    path = tmp_path_factory.mktemp("saved")
    build().save_pretrained(path)
    return path


def data_types(loaded: Any) -> dict[str, set[torch.dtype]]:
    return {n: {p.dtype for p in m.parameters()} for n, m in modules(loaded._pipe).items()}


@pytest.mark.parametrize(
    ("word", "dtype"),
    [("fp32", torch.float32), ("fp16", torch.float16), ("bf16", torch.bfloat16)],
)
def test_all_components_of_a_local_folder_have_the_data_type(
    folder: Path, word: str, dtype: torch.dtype
) -> None:
    found = data_types(load({"path": str(folder)}, dtype=word))
    assert found == {name: {dtype} for name in ("vae", "text_encoder", "unet", "safety_checker")}


def test_a_local_folder_holds_the_weights_that_were_saved(folder: Path) -> None:
    assert list(folder.rglob("*.safetensors"))
    weights = modules(load({"path": str(folder)})._pipe)["unet"].state_dict()
    assert all(torch.equal(w, weights[name]) for name, w in build().unet.state_dict().items())


def test_a_loaded_pipeline_draws(folder: Path) -> None:
    loaded = load({"path": str(folder)})
    with loaded.configured(Configuration.of({**SMALL})) as call:
        call.prepare()
        assert call()[0].size == (16, 16)


def test_a_pipeline_is_loaded_for_its_task(folder: Path) -> None:
    loaded = load({"path": str(folder)}, task=Task.IMAGE_TO_IMAGE, dtype="bf16")
    assert type(loaded._pipe).__name__ == "StableDiffusionImg2ImgPipeline"
    assert set().union(*data_types(loaded).values()) == {torch.bfloat16}


def test_load_knobs_are_turned_on_the_pipeline_of_the_task(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Offloading hooks belong to one pipeline object: made before the task's, they are lost."""
    from sdbench.knobs.offload import OffloadKnob

    turned = []
    monkeypatch.setattr(OffloadKnob, "after_load", lambda self, pipe, *_: turned.append(pipe))
    loaded = load({"path": str(folder)}, task=Task.IMAGE_TO_IMAGE)
    assert turned == [loaded._pipe]


def test_the_built_in_pipeline_takes_a_data_type() -> None:
    assert set().union(*data_types(load({"builtin": "tiny"}, dtype="bf16")).values()) == {
        torch.bfloat16
    }


def test_no_progress_bar_is_drawn() -> None:
    assert load({"builtin": "tiny"})._pipe._progress_bar_config == {"disable": True}


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match=r"there is no folder .*none; `path` names a folder"):
        load({"path": str(tmp_path / "none")})


def test_a_folder_without_a_pipeline_is_named(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match=r"cannot be loaded: .*model_index\.json"):
        load({"path": str(tmp_path)})


def test_a_hub_id_that_is_not_cached_is_a_clear_error_while_offline() -> None:
    with pytest.raises(LoadError, match=r"owner/nothing cannot be loaded: .*locally"):
        load({"id": "owner/nothing"})


def test_a_variant_that_is_not_there_is_a_clear_error(folder: Path) -> None:
    with pytest.raises(LoadError, match=r"cannot be loaded: .*fp16"):
        load({"path": str(folder), "variant": "fp16"})


@pytest.mark.parametrize("is_allowed_here", [False, True])
@pytest.mark.parametrize("is_allowed_in_suite", [False, True])
def test_code_of_a_repository_runs_only_where_both_sides_trust_it(
    monkeypatch: pytest.MonkeyPatch, is_allowed_in_suite: bool, is_allowed_here: bool
) -> None:
    from diffusers import DiffusionPipeline

    given: list[dict[str, Any]] = []

    def from_pretrained(name: str, **arguments: Any) -> Any:
        given.append(arguments)
        return build()

    monkeypatch.setattr(DiffusionPipeline, "from_pretrained", from_pretrained)
    source = {"id": "owner/name", "custom_pipeline": "owner/code"}
    if is_allowed_in_suite:
        source["trust_remote_code"] = True  # type: ignore[assignment]
    if is_allowed_in_suite and is_allowed_here:
        load(source, trust=True)
        assert given[0]["custom_pipeline"] == "owner/code"
        assert given[0]["trust_remote_code"] is True
    else:
        with pytest.raises(LoadError, match="--trust-remote-code"):
            load(source, trust=is_allowed_here)
        assert given == []


def test_a_denoiser_that_keeps_its_data_type_is_unsupported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from sdbench.pipelines import tiny

    stubborn = build()
    monkeypatch.setattr(tiny, "build_pipeline", lambda dtype: stubborn)
    with pytest.raises(Unsupported, match=r"was loaded as torch\.float32, though dtype is bf16"):
        load({"builtin": "tiny"}, dtype="bf16")
