from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from single_file import single_file_weights
from tiny_pipelines import SMALL, build

from sdbench.knobs.base import Unsupported
from sdbench.pipelines.effective import modules
from sdbench.pipelines.load import DiffusersLoader, LoadError
from sdbench.suite.configuration import Configuration
from sdbench.suite.model import Inputs

MEGA = Path(__file__).parents[2] / "suites" / "pipelines" / "mega.py"


def load(source: Mapping[str, Any], trust: bool = False, **knobs: Any) -> Any:
    loader = DiffusersLoader(Inputs(prompts=("a cat",)), "cpu", trust)
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
    with pytest.raises(LoadError, match=r"has no model_index\.json, so it is no pipeline"):
        load({"path": str(tmp_path)})


def test_a_hub_id_that_is_not_cached_is_a_clear_error_while_offline() -> None:
    with pytest.raises(LoadError, match=r"owner/nothing is not in the local cache .*hf download"):
        load({"id": "owner/nothing"})


def test_the_variants_of_a_folder_are_named(folder: Path) -> None:
    with pytest.raises(LoadError, match="has no variant 'fp16', nor any other"):
        load({"path": str(folder), "variant": "fp16"})


@pytest.fixture(scope="module")
def pickled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny pipeline, as pickles where diffusers still writes them."""
    path = tmp_path_factory.mktemp("pickled")
    build().save_pretrained(path, safe_serialization=False)
    return path


def test_pickles_are_refused_unless_the_suite_allows_them(pickled: Path) -> None:
    assert list(pickled.rglob("*.bin"))
    with pytest.raises(LoadError, match=r"Python pickles, which can run any code .*`allow_pickle"):
        load({"path": str(pickled)})
    loaded = load({"path": str(pickled), "allow_pickle": True})
    assert torch.equal(loaded._pipe.unet.conv_in.weight, build().unet.conv_in.weight)


@pytest.fixture(scope="module")
def single_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny pipeline's weights in one file, named as in checkpoints of Stable Diffusion."""
    weights = single_file_weights(build())
    path = tmp_path_factory.mktemp("single") / "tiny.safetensors"
    save_file(weights, path)
    torch.save({"state_dict": weights}, path.with_suffix(".ckpt"))
    return path


def test_a_single_file_is_loaded(single_file: Path, folder: Path) -> None:
    source = {"single_file": str(single_file), "config": str(folder)}
    loaded = load(source, dtype="bf16")
    assert type(loaded._pipe).__name__ == "StableDiffusionPipeline"
    assert data_types(loaded)["unet"] == data_types(loaded)["vae"] == {torch.bfloat16}
    for component in ("unet", "vae", "text_encoder"):
        shipped = getattr(build(), component).state_dict()
        taken = getattr(loaded._pipe, component).state_dict()
        assert all(torch.equal(shipped[name].bfloat16(), taken[name]) for name in shipped)


def test_a_single_file_of_pickles_is_refused_unless_the_suite_allows_it(
    single_file: Path, folder: Path
) -> None:
    source = {"single_file": str(single_file.with_suffix(".ckpt")), "config": str(folder)}
    with pytest.raises(LoadError, match=r"tiny\.ckpt has its weights only as Python pickles"):
        load(source)
    loaded = load({**source, "allow_pickle": True})
    assert torch.equal(loaded._pipe.unet.conv_in.weight, build().unet.conv_in.weight)


def test_a_single_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match=r"there is no file .*none\.safetensors; `single_file`"):
        load({"single_file": str(tmp_path / "none.safetensors")})


def test_a_class_that_reads_no_single_file_is_named(single_file: Path) -> None:
    source = {"single_file": str(single_file), "pipeline_class": "StableDiffusion"}
    with pytest.raises(LoadError, match="reads no single file as StableDiffusion: `pipeline_cla"):
        load(source)


def test_an_architecture_is_built_where_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    from sdbench.pipelines import architectures

    asked = []

    def build_pipeline(*given: Any) -> Any:
        asked.append(given)
        return build(given[1])

    monkeypatch.setattr(architectures, "build_pipeline", build_pipeline)
    load({"architecture": "sdxl", "weights": "random"}, dtype="bf16")
    assert asked == [("sdxl", torch.bfloat16, "cpu")]


@pytest.mark.parametrize("task", ["text-to-image", "image-to-image", "inpainting"])
def test_a_custom_pipeline_draws_each_task_with_one_load(
    folder: Path, tmp_path: Path, task: str
) -> None:
    Image.new("RGB", (16, 16), "red").save(tmp_path / "picture.png")
    code = {"custom_pipeline": str(MEGA), "trust_remote_code": True}
    inputs = Inputs(prompts=("a cat",), image=str(tmp_path / "picture.png"))
    drawn = []
    for source in ({"path": str(folder), **code}, {"builtin": "tiny", **code}, {"builtin": "tiny"}):
        loader = DiffusersLoader(inputs, "cpu", trust_remote_code=True)
        configuration = Configuration.of({"pipeline": source, "task": task, "steps": 2})
        with loader.load(configuration.knobs).configured(configuration) as call:
            call.prepare()
            drawn.append(call()[0].tobytes())
            is_custom = call.effective()["pipeline_class"] == "MegaPipeline"
            assert is_custom == ("custom_pipeline" in source)
    assert drawn[0] == drawn[1] == drawn[2]


def test_a_custom_pipeline_that_is_not_there_is_named(tmp_path: Path) -> None:
    code = {"custom_pipeline": str(tmp_path / "none.py"), "trust_remote_code": True}
    with pytest.raises(LoadError, match=r"there is no file .*none\.py; `custom_pipeline` names"):
        load({"builtin": "tiny", **code}, trust=True)


def test_code_beside_a_built_in_pipeline_needs_trust_too() -> None:
    code = {"custom_pipeline": str(MEGA), "trust_remote_code": True}
    with pytest.raises(LoadError, match="--trust-remote-code"):
        load({"builtin": "tiny", **code}, trust=False)


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
