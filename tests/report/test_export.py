import builtins
import csv
import json

import pandas as pd
import pytest
from factories import fidelity, record, run

from sdbench.report.export import FORMATS, ExportError, export
from sdbench.results.record import Status
from sdbench.units import MIB


@pytest.fixture
def two(tmp_path):
    prompt = 'a "quoted", <b>bold</b>\nprompt'
    return run(tmp_path, [record(prompt=prompt, steps=2), record(status=Status.OOM, steps=4)])


def test_csv_holds_a_line_for_each_configuration_and_survives_quotes(two, tmp_path):
    export(two, "csv", tmp_path / "run.csv")
    with open(tmp_path / "run.csv", newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    assert [row["status"] for row in rows] == ["ok", "oom"]
    assert rows[0]["prompt"] == 'a "quoted", <b>bold</b>\nprompt'
    assert rows[0]["peak_allocated_bytes"] == str(200 * MIB)
    assert rows[1]["peak_allocated_bytes"] == ""


def test_parquet_keeps_types_and_gaps(two, tmp_path):
    pytest.importorskip("pyarrow")
    export(two, "parquet", tmp_path / "run.parquet")
    rows = pd.read_parquet(tmp_path / "run.parquet")
    assert list(rows["steps"]) == [2, 4]
    assert rows["latency_s"].iloc[0] == 1.0
    assert pd.isna(rows["latency_s"].iloc[1])


def test_csv_and_parquet_hold_the_fidelity(tmp_path):
    pytest.importorskip("pyarrow")
    drawn = record(steps=2, fidelity=fidelity(0.75, worst=0.5))
    one = run(tmp_path, [drawn, record(status=Status.OOM, steps=4)])
    export(one, "csv", tmp_path / "run.csv")
    export(one, "parquet", tmp_path / "run.parquet")
    for rows in (pd.read_csv(tmp_path / "run.csv"), pd.read_parquet(tmp_path / "run.parquet")):
        assert [rows["fidelity"].iloc[0], rows["fidelity_worst"].iloc[0]] == [0.75, 0.5]
        assert not rows["is_degenerate"].iloc[0]


def test_json_holds_the_records_as_they_are(two, tmp_path):
    export(two, "json", tmp_path / "run.json")
    content = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    assert content["schema"] == 1
    assert content["info"]["device"] == two.info.device
    assert content["records"] == [json.loads(one.to_line()) for one in two.records]


def test_an_unknown_format_is_answered_with_the_legal_ones(two, tmp_path):
    with pytest.raises(ExportError, match="csv, parquet, json"):
        export(two, "xlsx", tmp_path / "run.xlsx")


def test_parquet_without_pyarrow_says_what_to_install(two, tmp_path, monkeypatch):
    plain_import = builtins.__import__

    def without_pyarrow(name, *args, **kwargs):
        if name == "pyarrow":
            raise ImportError(name)
        return plain_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_pyarrow)
    with pytest.raises(ExportError, match=r"pip install 'sdbench\[parquet\]'"):
        export(two, "parquet", tmp_path / "run.parquet")
    assert not (tmp_path / "run.parquet").exists()


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_writes_a_run_without_any_record(format, tmp_path):
    export(run(tmp_path, [], missing=["0123456789ab"]), format, tmp_path / "new" / "out")
    assert (tmp_path / "new" / "out").stat().st_size > 0
