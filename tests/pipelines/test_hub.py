"""Loading from a hub, and all that it refuses: truly run, against a hub on this machine."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest
import torch
from fake_hub import COMMIT, FakeHub
from safetensors.torch import load_file
from tiny_pipelines import build

SCRIPT = """\
import json, sys
from sdbench.pipelines.load import DiffusersLoader
from sdbench.suite.configuration import Configuration
from sdbench.suite.model import Inputs

loader = DiffusersLoader(Inputs(), "cpu", trust_remote_code=True)
for line in sys.stdin:
    source = json.loads(line)
    try:
        pipe = loader.load(Configuration.of({"pipeline": source, "dtype": "bf16"}).knobs)._pipe
        outcome = {
            "class": type(pipe).__name__,
            "dtype": str(pipe.unet.dtype),
            "sum": float(pipe.unet.conv_in.weight.float().sum()),
        }
    except Exception as error:
        outcome = {"error": type(error).__name__, "message": str(error)}
    print("OUTCOME " + json.dumps(outcome), flush=True)
"""

CODE = {"custom_pipeline": "owner/code", "trust_remote_code": True}
SOURCES: Mapping[str, Mapping[str, Any]] = {
    "plain": {"id": "owner/tiny"},
    "revision": {"id": "owner/tiny", "revision": "v1"},
    "commit": {"id": "owner/tiny", "revision": COMMIT},
    "variant": {"id": "owner/tiny", "variant": "fp16"},
    "wrong revision": {"id": "owner/tiny", "revision": "v2"},
    "wrong variant": {"id": "owner/tiny", "variant": "int8"},
    "missing": {"id": "owner/missing"},
    "hidden": {"id": "owner/hidden"},
    "gated": {"id": "owner/gated"},
    "gated-unknown": {"id": "owner/gated-unknown"},
    "forbidden": {"id": "owner/forbidden"},
    "broken": {"id": "owner/broken"},
    "no pipeline": {"id": "owner/model"},
    "pickle": {"id": "owner/pickle"},
    "allowed pickle": {"id": "owner/pickle", "allow_pickle": True},
    "own code": {"id": "owner/own-code"},
    "own code, trusted": {"id": "owner/own-code", "trust_remote_code": True},
    "repository's code": {"id": "owner/tiny", **CODE},
    "missing code": {"id": "owner/tiny", **CODE, "custom_pipeline": "owner/missing"},
    "code not trusted": {"id": "owner/tiny", **CODE, "trust_remote_code": False},
}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Mapping[str, Any]]:
    """What loading each of `SOURCES` gave, in a process that may ask the hub."""
    folder = tmp_path_factory.mktemp("hub")
    home = tmp_path_factory.mktemp("home")
    repositories = {f"owner/{name}": path for name, path in _repositories(folder).items()}
    other = {"id": "owner/other"}
    with ExitStack() as stack:
        hub = stack.enter_context(FakeHub(repositories))
        online = stack.enter_context(_Loader(home, HF_ENDPOINT=hub.address))
        offline = stack.enter_context(_Loader(home, HF_ENDPOINT=hub.address, HF_HUB_OFFLINE="1"))
        found = {name: online.load(source) for name, source in SOURCES.items()}
        found["cached"] = offline.load(SOURCES["variant"])
        found["not cached"] = offline.load(other)
        hub.stop()
        found["no network"] = online.load(other)
    return found


def _repositories(folder: Path) -> dict[str, Path]:
    tiny, pickled, coded, code = (folder / name for name in ("tiny", "pickle", "coded", "code"))
    pipe = build()
    pipe.save_pretrained(tiny)
    pipe.unet.conv_in.weight.data.mul_(2)
    pipe.save_pretrained(tiny, variant="fp16")
    build().save_pretrained(pickled, safe_serialization=False)
    for file in pickled.glob("*/model.safetensors"):  # transformers writes no pickles any more
        torch.save(load_file(file), file.with_name("pytorch_model.bin"))
        file.unlink()
    model = folder / "model"
    shutil.copytree(tiny / "unet", model)
    shutil.copytree(tiny, coded)
    code.mkdir()
    mega = Path(__file__).parents[2] / "suites" / "pipelines" / "mega.py"
    shutil.copy(mega, code / "pipeline.py")
    shutil.copy(mega, coded / "mega.py")
    index = json.loads((coded / "model_index.json").read_text())
    index["_class_name"] = ["mega", "MegaPipeline"]
    (coded / "model_index.json").write_text(json.dumps(index))
    return {"tiny": tiny, "pickle": pickled, "model": model, "own-code": coded, "code": code}


class _Loader:
    """A process that loads what it is told to, with variables of its own."""

    def __init__(self, home: Path, **variables: str) -> None:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("HF_")}
        own = {"HF_HOME": str(home), "HF_HUB_DISABLE_TELEMETRY": "1", "NO_PROXY": "127.0.0.1"}
        self._process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**kept, **own, **variables},
        )

    def __enter__(self) -> _Loader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def load(self, source: Mapping[str, Any]) -> Mapping[str, Any]:
        """What became of loading a source."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(source) + "\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith("OUTCOME "):
                outcome: Mapping[str, Any] = json.loads(line.removeprefix("OUTCOME "))
                return outcome
        raise AssertionError("the process ended")


@functools.cache
def sum_of_weights() -> float:
    weight = build().unet.conv_in.weight.detach()
    return float(weight.bfloat16().float().sum())


@pytest.mark.parametrize("name", ["plain", "revision", "commit", "allowed pickle"])
def test_a_pipeline_is_fetched_and_loaded(
    outcomes: Mapping[str, Mapping[str, Any]], name: str
) -> None:
    assert outcomes[name] == {
        "class": "StableDiffusionPipeline",
        "dtype": "torch.bfloat16",
        "sum": pytest.approx(sum_of_weights()),
    }


@pytest.mark.parametrize("name", ["variant", "cached"])
def test_the_weights_are_those_of_the_variant(
    outcomes: Mapping[str, Mapping[str, Any]], name: str
) -> None:
    assert outcomes[name]["sum"] == pytest.approx(2 * sum_of_weights())


@pytest.mark.parametrize("name", ["own code, trusted", "repository's code"])
def test_code_that_is_trusted_is_run(outcomes: Mapping[str, Mapping[str, Any]], name: str) -> None:
    assert outcomes[name]["class"] == "MegaPipeline"


@pytest.mark.parametrize(
    ("name", "phrases"),
    [
        ("wrong revision", ["owner/tiny has no revision 'v2'", "leave `revision` out"]),
        ("wrong variant", ["owner/tiny has no variant 'int8': it has fp16"]),
        ("missing", ["the hub has no owner/missing", "check its id"]),
        ("hidden", ["refuses access to owner/hidden (401): check the id", "`hf auth login`"]),
        ("gated", ["owner/gated is gated", "accept its conditions", "HF_TOKEN"]),
        ("gated-unknown", ["owner/gated-unknown is gated", "`hf auth login`"]),
        ("forbidden", ["the hub refuses access to owner/forbidden (403)", "HF_TOKEN"]),
        ("broken", ["the hub fails on owner/broken", "500", "try again later"]),
        ("no pipeline", ["owner/model is no pipeline", "model_index.json", "single_file"]),
        ("pickle", ["owner/pickle has its weights only as Python pickles", "`allow_pickle: true`"]),
        ("own code", ["runs code of its own", "`--trust-remote-code`"]),
        ("code not trusted", ["runs code of its own", "`trust_remote_code: true`"]),
        ("missing code", ["there is no custom pipeline 'owner/missing'"]),
        ("not cached", ["owner/other is not in the local cache", "HF_HUB_OFFLINE", "hf download"]),
        ("no network", ["owner/other is not in the local cache", "no network"]),
    ],
)
def test_a_refusal_says_what_to_do(
    outcomes: Mapping[str, Mapping[str, Any]], name: str, phrases: list[str]
) -> None:
    outcome = outcomes[name]
    assert outcome.get("error") == "LoadError", outcome
    assert all(phrase in outcome["message"] for phrase in phrases), outcome["message"]
    assert len(outcome["message"]) < 400
