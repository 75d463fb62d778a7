from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny_pipelines import build

from sdbench.errors import IllegalValue
from sdbench.pipelines import builtin
from sdbench.pipelines.errors import LoadError


@pytest.fixture
def emoji_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a pipeline, in place of the package's own."""
    build().save_pretrained(tmp_path)
    monkeypatch.setattr(builtin, "EMOJI_FOLDER", tmp_path)
    return tmp_path


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(IllegalValue, match="did you mean 'emoji'"):
        builtin.build_pipeline("emojis")


@pytest.mark.parametrize("name", ["emoji", "emoji-int8"])
def test_weights_that_are_not_installed_are_a_clear_error(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builtin, "EMOJI_FOLDER", tmp_path)
    with pytest.raises(LoadError, match="not part of this installation"):
        builtin.build_pipeline(name)


@pytest.mark.usefixtures("emoji_folder")
@pytest.mark.parametrize("name", ["tiny", "emoji", "emoji-int8"])
def test_every_one_takes_a_data_type(name: str) -> None:
    pipe = builtin.build_pipeline(name, torch.bfloat16)
    models = (pipe.unet, pipe.vae, pipe.text_encoder, pipe.safety_checker)
    assert {p.dtype for model in models for p in model.parameters()} == {torch.bfloat16}


@pytest.mark.usefixtures("emoji_folder")
def test_the_rounded_pipeline_differs_in_its_unet_alone() -> None:
    exact, rounded = (builtin.build_pipeline(name) for name in ("emoji", "emoji-int8"))
    assert not torch.equal(exact.unet.conv_in.weight, rounded.unet.conv_in.weight)
    assert torch.equal(exact.unet.conv_in.bias, rounded.unet.conv_in.bias)
    for component in ("vae", "text_encoder"):
        weights = getattr(rounded, component).state_dict()
        shipped = getattr(exact, component).state_dict()
        assert all(torch.equal(weight, weights[name]) for name, weight in shipped.items())


def test_weights_are_rounded_to_127ths_of_their_channels_largest() -> None:
    layer = torch.nn.Linear(3, 2, bias=False)
    layer.weight.data = torch.tensor([[127.0, 0.6, -1.4], [0.0, 1.27, -0.018]])
    builtin.round_to_int8(layer)
    # scales: 127 / 127 = 1, and 1.27 / 127 = 0.01; -0.018 / 0.01 = -1.8 becomes -2
    expected = torch.tensor([[127.0, 1.0, -1.0], [0.0, 1.27, -0.02]])
    assert torch.allclose(layer.weight, expected, atol=1e-6)


def test_a_channel_of_zeros_stays_zero() -> None:
    layer = torch.nn.Conv2d(1, 1, 3)
    layer.weight.data.zero_()
    builtin.round_to_int8(layer)
    assert torch.equal(layer.weight, torch.zeros(1, 1, 3, 3))
