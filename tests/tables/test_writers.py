"""Scored rows, written."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rl_rewards.tables.readers import TableError, read_rows
from rl_rewards.tables.writers import open_writer, writable_kind

ADDED = {
    "score": 1.0,
    "scores": {"r": 1.0},
    "outcomes": {"r": "scored"},
    "reasons": {"r": None},
    "components": {"r": [{"name": "part", "score": 0.5, "reason": None}]},
}


def write(tmp_path, kind, rows):
    data = tmp_path / "data.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    out = tmp_path / f"out{kind}"
    writer = open_writer(kind, out, data, ["r"])
    writer.write([{**row, **ADDED} for row in rows])
    writer.close()
    return [row.values for row in read_rows(out)]


@pytest.mark.parametrize("kind", [".jsonl", ".parquet"])
def test_rows_come_back_as_they_were_written(tmp_path, kind):
    rows = [{"a": 1, "b": "é\0", "c": [{"role": "user", "content": "x"}]}, {"a": 2, "b": "", "c": []}]
    assert write(tmp_path, kind, rows) == [{**row, **ADDED} for row in rows]


@pytest.mark.parametrize(
    ("rows", "types"),
    [
        ([{"a": 1}] * 2000 + [{"a": 0.5}], {"a": pa.float64()}),
        ([{"a": None}] * 2000 + [{"a": "x"}], {"a": pa.string()}),
        ([{"a": 1}] * 2000 + [{"b": "x"}], {"a": pa.int64(), "b": pa.string()}),
        ([{"a": {"x": 1}}] * 2000 + [{"a": {"y": 2}}], {"a": pa.struct([("x", pa.int64()), ("y", pa.int64())])}),
        ([{"a": []}] * 2000 + [{"a": ["x"]}], {"a": pa.list_(pa.string())}),
    ],
)
def test_parquet_columns_get_a_type_that_all_rows_fit(tmp_path, rows, types):
    assert len(write(tmp_path, ".parquet", rows)) == len(rows)
    schema = pq.read_schema(tmp_path / "out.parquet")
    assert {name: schema.field(name).type for name in types} == types


@pytest.mark.parametrize("rows", [[{"a": 1}, {"a": "x"}], [{"a": 1}] * 2000 + [{"a": "x"}], [{"a": 2**70}]])
def test_a_column_of_many_types_cannot_become_parquet_and_the_message_says_what_can(tmp_path, rows):
    with pytest.raises(TableError, match=r"data\.jsonl: cannot become Parquet, .*write \.jsonl instead"):
        write(tmp_path, ".parquet", rows)


@pytest.mark.parametrize("kind", [".jsonl", ".parquet"])
def test_half_a_surrogate_pair_is_replaced_and_a_whole_one_joined(tmp_path, kind):
    [row] = write(tmp_path, kind, [{"a": "\ud800 \ud83d\ude00"}])
    assert row["a"] == "\ufffd \U0001f600"


def test_parquet_keeps_the_types_of_parquet(tmp_path):
    table = pa.table({"a": pa.array([1], pa.int8()), "when": pa.array([0], pa.timestamp("ms")), "score": ["replaced"]})
    pq.write_table(table, tmp_path / "data.parquet")
    writer = open_writer(".parquet", tmp_path / "out.parquet", tmp_path / "data.parquet", ["r"])
    writer.write([{**row, **ADDED} for row in table.to_pylist()])
    writer.close()
    schema = pq.read_schema(tmp_path / "out.parquet")
    assert schema.names == ["a", "when", *ADDED]
    assert (schema.field("a").type, schema.field("when").type) == (pa.int8(), pa.timestamp("ms"))


def test_a_scored_file_has_a_name_that_tells_its_form():
    assert writable_kind("a.PARQUET") == ".parquet"
    with pytest.raises(TableError, match=r"ends in \.jsonl, \.ndjson, \.parquet, found '\.csv'"):
        writable_kind("a.csv")


@pytest.mark.parametrize("value", [{}, [{}], {"a": {}}, [[{"b": {}}]]], ids=str)
def test_objects_without_a_field_are_no_column_of_parquet(tmp_path, value):
    (tmp_path / "data.jsonl").write_text(json.dumps({"prompt": "q", "completion": "c", "meta": value}) + "\n")
    with pytest.raises(TableError, match=r"column 'meta' cannot become Parquet: it holds objects without a field, \{\}"):
        open_writer(".parquet", tmp_path / "out.parquet", tmp_path / "data.jsonl", ["r"])
