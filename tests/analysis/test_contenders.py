import pytest
from hardware_runs import run_on, sweep

from sdbench.analysis.contenders import UnknownDevice, contenders, find
from sdbench.errors import SdbenchError


def test_devices_of_one_name_are_told_apart_by_their_folders(tmp_path):
    runs = [run_on(tmp_path, name, sweep(1.0)) for name in ("NVIDIA L4", "NVIDIA L4", "Tesla T4")]
    assert [one.name for one in contenders(runs)] == [
        "NVIDIA L4 (NVIDIA L4-0/run)",
        "NVIDIA L4 (NVIDIA L4-1/run)",
        "Tesla T4",
    ]


def test_a_run_that_was_given_twice_is_refused(tmp_path):
    one = run_on(tmp_path, "NVIDIA L4", sweep(1.0))
    with pytest.raises(SdbenchError, match="given 2 times"):
        contenders([one, one])


@pytest.fixture
def among(tmp_path):
    names = ("NVIDIA L4", "NVIDIA L40S", "Tesla T4")
    return contenders([run_on(tmp_path, name, sweep(1.0)) for name in names])


@pytest.mark.parametrize(("word", "expected"), [("nvidia l4", 0), (" L40S ", 1), ("40", 1)])
def test_a_device_is_named_by_its_whole_name_or_a_part_that_is_its_own(among, word, expected):
    """NVIDIA L4 is a part of NVIDIA L40S: the whole name goes before it."""
    assert find(word, among) == expected


def test_a_part_of_several_names_and_an_unknown_one_list_the_devices(among):
    with pytest.raises(UnknownDevice, match=r"'l4' stands for 2 runs: NVIDIA L4 .*NVIDIA L40S"):
        find("l4", among)
    with pytest.raises(UnknownDevice, match=r"there are: NVIDIA L4 .*; Tesla T4"):
        find("H100", among)


def test_runs_on_one_device_are_named_by_their_folders(tmp_path):
    among = contenders([run_on(tmp_path, "NVIDIA L4", sweep(1.0)) for _ in range(2)])
    listed = r"NVIDIA L4 \(NVIDIA L4-0/run\); NVIDIA L4 \(NVIDIA L4-1/run\); give more"
    with pytest.raises(UnknownDevice, match=listed):
        find("NVIDIA L4", among)
    assert find("l4-1/run", among) == 1
