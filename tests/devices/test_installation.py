"""Each check on real metadata of packages that are installed in a folder of the test's own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from sdbench.devices import installation
from sdbench.devices.installation import (
    allocator_settings,
    cache_not_writable,
    findings,
    hub_cache,
    little_disk_space,
    made_for_another_torch,
    missing,
    no_caching,
    redirecting_pynvml,
    xformers_built_for_another_torch,
)

Install = Callable[..., Path]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Installs what a package's metadata say of it, ahead of what is really installed."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def install_one(package: str, version: str, *requirements: str) -> Path:
        folder = tmp_path / f"{package}-{version}.dist-info"
        folder.mkdir()
        lines = [f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}"]
        lines += [f"Requires-Dist: {requirement}" for requirement in requirements]
        (folder / "METADATA").write_text("\n".join(lines) + "\n")
        return tmp_path

    return install_one


def test_a_package_that_is_not_there_is_missing() -> None:
    found = missing("no-such-package", "offloading needs it")
    assert found is not None
    assert found.seen == "no-such-package is not installed; offloading needs it"
    assert found.advice == "install it: pip install no-such-package"
    assert missing("click", "this needs it") is None


@pytest.mark.parametrize("requirement", ["torch==2.7.0", "torch (==2.7.0)", "torch ==2.7.0"])
def test_a_torchvision_for_another_torch_is_told_without_importing_it(
    install: Install, requirement: str
) -> None:
    install("torch", "2.8.0+cu128")
    install("torchvision", "0.22.0", "numpy", requirement)
    found = made_for_another_torch("torchvision")
    assert found is not None
    assert found.seen == (
        "torchvision 0.22.0 is made for torch 2.7.0, and torch 2.8.0+cu128 is installed"
    )
    assert "made for torch 2.8.0," in found.advice


@pytest.mark.parametrize("wanted", ["==2.8.0", "==2.8", "==2.8.*", ">=2.6", "==2.8.0+cu128"])
def test_one_for_this_torch_is_fit(install: Install, wanted: str) -> None:
    install("torch", "2.8.0+cu126")
    install("xformers", "0.0.32", f"torch{wanted}")
    assert made_for_another_torch("xformers") is None


def test_a_package_that_is_not_installed_is_made_for_no_torch() -> None:
    assert made_for_another_torch("no-such-package") is None


def test_xformers_wrote_down_what_it_was_built_for(install: Install) -> None:
    install("torch", "2.8.0")
    folder = install("xformers", "0.0.29+abc", "torch>=2.4") / "xformers"
    folder.mkdir()
    built = folder / "cpp_lib.json"
    built.write_text(json.dumps({"version": {"cuda": 1204, "torch": "2.5.1+cu124"}}))
    found = xformers_built_for_another_torch()
    assert found is not None
    assert "was built for torch 2.5.1+cu124, and torch 2.8.0 is installed" in found.seen
    built.write_text(json.dumps({"version": {"torch": "2.8.0+cu128"}}))
    assert xformers_built_for_another_torch() is None
    built.write_text("[]")
    assert xformers_built_for_another_torch() is None


def test_the_redirecting_pynvml_is_told(install: Install) -> None:
    install("pynvml", "11.5.3")
    found = redirecting_pynvml()
    assert found is not None
    assert "distribution pynvml 11.5.3" in found.seen
    assert "nvidia-ml-py" in found.advice


@pytest.mark.parametrize("name", ["PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF"])
def test_settings_of_the_allocator_are_told(name: str) -> None:
    found = allocator_settings({name: "expandable_segments:True"})
    assert found is not None
    assert f"({name}=expandable_segments:True)" in found.seen
    assert allocator_settings({name: ""}) is None


def test_an_allocator_without_its_cache_is_told() -> None:
    found = no_caching({"PYTORCH_NO_CUDA_MEMORY_CACHING": "1"})
    assert found is not None
    assert found.advice == "unset it: it is for debugging"
    assert no_caching({}) is None


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"HF_HUB_CACHE": "/a", "HF_HOME": "/b"}, "/a"),
        ({"HUGGINGFACE_HUB_CACHE": "/a", "HF_HOME": "/b"}, "/a"),
        ({"HF_HOME": "/b", "XDG_CACHE_HOME": "/c"}, "/b/hub"),
        ({"XDG_CACHE_HOME": "/c"}, "/c/huggingface/hub"),
        ({}, str(Path.home() / ".cache/huggingface/hub")),
    ],
)
def test_the_cache_is_where_huggingface_hub_looks(
    environment: dict[str, str], expected: str
) -> None:
    assert hub_cache(environment) == Path(expected)


def test_a_cache_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = cache_not_writable(tmp_path / "file" / "hub")
    assert found is not None
    assert found.advice == "set HF_HOME to a folder of your own"


def test_a_folder_without_the_right_to_write_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installation.os, "access", lambda path, mode: False)
    assert cache_not_writable(tmp_path) is not None


def test_a_cache_that_is_yet_to_be_made_is_fit(tmp_path: Path) -> None:
    assert cache_not_writable(tmp_path / "not" / "there" / "yet") is None


def test_a_disk_that_is_nearly_full_is_told(tmp_path: Path) -> None:
    assert little_disk_space(tmp_path / "not-yet", least_bytes=0) is None
    found = little_disk_space(tmp_path / "not-yet", least_bytes=1 << 62)
    assert found is not None
    assert str(tmp_path / "not-yet") in found.seen


def test_all_checks_are_asked(install: Install, tmp_path: Path) -> None:
    install("torch", "2.8.0")
    install("torchvision", "0.22.0", "torch==2.7.0")
    install("xformers", "0.0.30", "torch==2.7.0")
    install("pynvml", "12.0.0")
    (tmp_path / "file").touch()
    environment = {
        "PYTORCH_ALLOC_CONF": "max_split_size_mb:64",
        "PYTORCH_NO_CUDA_MEMORY_CACHING": "1",
        "HF_HOME": str(tmp_path / "file"),
    }
    about = [found.about for found in findings(environment)]
    assert about[:5] == ["torchvision", "xformers", "pynvml", "torch", "torch"]
    assert "huggingface_hub" in about[5:]
