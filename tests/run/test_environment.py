from __future__ import annotations

from sdbench.run.environment import recorded_variables, versions, worker_environment


def test_a_worker_keeps_what_decides_where_and_how_torch_runs() -> None:
    kept = {
        "PATH": "/bin",
        "LD_LIBRARY_PATH": "/opt/cuda/lib64",
        "CUDA_VISIBLE_DEVICES": "1",
        "HF_HOME": "/models",
        "TORCH_LOGS": "recompiles",
        "NCCL_DEBUG": "INFO",
        "OMP_NUM_THREADS": "4",
    }
    given = worker_environment({**kept, "EDITOR": "vi", "SECRET": "x"})
    assert given == {**kept, "PYTHONHASHSEED": "0"}


def test_every_worker_loads_in_the_same_order_unless_the_user_wants_another() -> None:
    assert worker_environment({})["PYTHONHASHSEED"] == "0"
    assert worker_environment({"PYTHONHASHSEED": "7"})["PYTHONHASHSEED"] == "7"


def test_no_token_is_written_down() -> None:
    assert recorded_variables({"HF_TOKEN": "secret", "CUDA_VISIBLE_DEVICES": "0"}) == {
        "CUDA_VISIBLE_DEVICES": "0"
    }


def test_versions_name_what_is_installed_and_what_is_not() -> None:
    found = versions()
    assert found["torch"] is not None
    assert "xformers" in found


def test_what_torch_sets_by_itself_is_not_recorded():
    assert recorded_variables({"TORCHINDUCTOR_CACHE_DIR": "/tmp/x", "TORCH_LOGS": "all"}) == {
        "TORCH_LOGS": "all"
    }
