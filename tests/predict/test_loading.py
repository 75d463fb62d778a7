"""Pipelines are loaded from configuration files alone, by the loader that runs use."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import torch
from huggingface_hub.errors import LocalEntryNotFoundError
from tiny_pipelines import shared

from sdbench.jsontypes import JsonValue
from sdbench.knobs.base import Unsupported
from sdbench.pipelines.builtin import EMOJI_FOLDER
from sdbench.pipelines.effective import modules
from sdbench.pipelines.load import LoadError
from sdbench.predict import torch_private
from sdbench.predict.loading import WeightlessLoader
from sdbench.suite.configuration import Configuration
from sdbench.suite.model import Inputs

MODE = torch_private.fake_mode()


def load(source: Mapping[str, JsonValue], **knobs: JsonValue) -> Any:
    loader = WeightlessLoader(Inputs(), MODE, trust_remote_code=False)
    loader.load(Configuration.of({"pipeline": dict(source), **knobs}).knobs)
    return loader.pipe


def weights(pipe: Any) -> dict[str, tuple[tuple[int, ...], torch.dtype]]:
    return {
        f"{name}.{key}": (tuple(parameter.shape), parameter.dtype)
        for name, model in modules(pipe).items()
        for key, parameter in model.named_parameters()
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny pipeline as saved, with files in place of its weights that nobody can read."""
    path = tmp_path_factory.mktemp("tiny")
    shared().save_pretrained(path)
    files = list(path.glob("*/*.safetensors"))
    assert files
    for file in files:
        file.write_bytes(b"no weights")
    return path


def test_a_folder_gives_all_parameters_and_no_values(folder: Path) -> None:
    pipe = load({"path": str(folder)})
    assert type(pipe) is type(shared())
    assert weights(pipe) == weights(shared())
    assert all(
        torch_private.is_fake(parameter)
        for model in modules(pipe).values()
        for parameter in model.parameters()
    )
    assert not any(model.training for model in modules(pipe).values())


def test_weights_have_the_data_type_that_is_asked_for(folder: Path) -> None:
    found = weights(load({"path": str(folder)}, dtype="bf16"))
    assert {dtype for _, dtype in found.values()} == {torch.bfloat16}


def test_a_repository_is_asked_for_all_but_its_weights(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}

    def download(name: str, **options: Any) -> str:
        asked.update(options, name=name)
        return str(folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    pipe = load({"id": "owner/tiny", "revision": "v1", "variant": "fp16"})
    assert (asked["name"], asked["revision"]) == ("owner/tiny", "v1")
    assert "*.json" in asked["allow_patterns"]
    assert not any(
        Path(f"model{suffix}").match(pattern)
        for suffix in (".safetensors", ".bin", ".ckpt", ".onnx", ".msgpack")
        for pattern in asked["allow_patterns"]
    )
    assert weights(pipe) == weights(shared())


def test_a_repository_that_cannot_be_reached_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def download(name: str, **options: Any) -> str:
        raise LocalEntryNotFoundError("Cannot find an appropriate cached snapshot folder")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    with pytest.raises(LoadError, match="owner/tiny"):
        load({"id": "owner/tiny"})


def test_a_folder_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="there is no folder"):
        load({"path": str(tmp_path / "none")})


def test_the_embedded_pipeline_is_loaded_without_its_weights() -> None:
    pipe = load({"builtin": "emoji-int8"}, dtype="fp16")
    config = json.loads((EMOJI_FOLDER / "unet" / "config.json").read_text())
    assert pipe.unet.config["block_out_channels"] == config["block_out_channels"]
    assert torch_private.is_fake(pipe.unet.conv_in.weight)
    assert pipe.unet.conv_in.weight.dtype == torch.float16


def test_layers_that_stay_in_fp32_do_so_and_shared_weights_stay_shared() -> None:
    """T5's ``wo`` overflows in half precision; its class says so."""
    pipe = load({"architecture": "sd3_medium", "weights": "random"}, dtype="fp16")
    encoder = pipe.text_encoder_3
    layer = encoder.encoder.block[0].layer[1].DenseReluDense
    assert (layer.wo.weight.dtype, layer.wi_0.weight.dtype) == (torch.float32, torch.float16)
    assert encoder.shared.weight is encoder.encoder.embed_tokens.weight


def test_quantised_layers_are_refused(folder: Path, tmp_path: Path) -> None:
    quantised = tmp_path / "quantised"
    for file in folder.rglob("*"):
        if file.is_file():
            copy = quantised / file.relative_to(folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(file.read_bytes())
    path = quantised / "unet" / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, "quantization_config": {"quant_method": "bnb"}}))
    with pytest.raises(Unsupported, match="quantised"):
        load({"path": str(quantised)})


def test_a_checkpoint_in_one_file_is_refused_with_the_way_out(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes(b"")
    with pytest.raises(Unsupported, match="name the folder"):
        load({"single_file": str(file)})


def test_what_loading_replaces_is_put_back(folder: Path) -> None:
    import diffusers
    import transformers

    before = [vars(diffusers.ModelMixin)["from_pretrained"], torch.nn.Module._apply]
    before.append(vars(transformers.PreTrainedModel)["from_pretrained"])
    load({"path": str(folder)})
    after = [vars(diffusers.ModelMixin)["from_pretrained"], torch.nn.Module._apply]
    after.append(vars(transformers.PreTrainedModel)["from_pretrained"])
    assert after == before
