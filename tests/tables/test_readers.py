"""Files of rows, read one at a time."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rl_rewards.tables.readers import TableError, read_rows, table_size


@pytest.fixture
def table(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def read(path):
    return [(row.number, row.values if row.values is not None else row.problem) for row in read_rows(path)]


def test_jsonl_has_an_object_a_line(table):
    assert read(table("a.jsonl", '{"a": 1}\n\n  \n{"a": "é\\u0000"}')) == [(1, {"a": 1}), (4, {"a": "é\0"})]


def test_a_byte_order_mark_is_no_part_of_the_first_row(table):
    assert read(table("a.jsonl", b'\xef\xbb\xbf{"a": 1}\r\n')) == [(1, {"a": 1})]
    assert read(table("a.csv", b"\xef\xbb\xbfa,b\r\n1,2\r\n")) == [(2, {"a": "1", "b": "2"})]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b'{"a": 1', "not JSON: "),
        (b"[1]", "a row must be a JSON object, got list"),
        (b"null", "a row must be a JSON object, got NoneType"),
        (b'{"a": "\xff"}', "not UTF-8: "),
        (b'{"a": ' + b"[" * 100_000, "nested too deeply"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not JSON: "),
    ],
)
def test_a_malformed_line_is_told_with_its_number_and_the_rest_goes_on(table, line, problem):
    first, bad, last = read(table("a.jsonl", b'{"a": 1}\n' + line + b'\n{"a": 3}\n'))
    assert (first, last) == ((1, {"a": 1}), (3, {"a": 3}))
    assert bad[0] == 2 and problem in bad[1]


def test_csv_cells_are_text_of_any_length_over_any_lines(table):
    long = "x" * 1_000_000
    assert read(table("a.csv", f'a,b\n1,"two\nlines, ""quoted"""\n\n{long},\n')) == [
        (3, {"a": "1", "b": 'two\nlines, "quoted"'}),
        (5, {"a": long, "b": ""}),
    ]


def test_a_malformed_csv_row_is_told_and_the_rest_goes_on(table):
    assert read(table("a.csv", b"a,b\n1,2,3\n1\n\xff,2\n1,2\n")) == [
        (2, "3 cells where the header has 2"),
        (3, "1 cells where the header has 2"),
        (4, "not UTF-8"),
        (5, {"a": "1", "b": "2"}),
    ]


def test_csv_that_names_a_column_twice_is_refused(table):
    with pytest.raises(TableError, match="each once"):
        read(table("a.csv", "a,a\n1,2\n"))


def test_parquet_rows_are_numbered_and_nested_values_are_plain(tmp_path):
    rows = [{"a": i, "messages": [{"role": "user", "content": "x"}]} for i in range(3000)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet", row_group_size=1000)
    assert read(tmp_path / "a.parquet") == [(i + 1, row) for i, row in enumerate(rows)]


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.parquet"])
def test_the_sizes_of_the_rows_fill_the_progress_bar(tmp_path, name):
    path = tmp_path / name
    if name == "a.parquet":
        pq.write_table(pa.table({"a": list(range(1000))}), path)
    else:
        path.write_text("a,b\n" + "1,2\n" * 100 if name == "a.csv" else '{"a": 1}\n' * 100)
    total = table_size(path)
    assert 0.9 * total <= sum(row.size for row in read_rows(path)) <= total


def test_files_that_are_no_tables_are_refused(table):
    with pytest.raises(TableError, match=r"ends in \.jsonl, \.ndjson, \.json, \.csv, \.parquet, found '\.txt'"):
        read(table("a.txt", "x"))
    with pytest.raises(TableError, match="found 'no ending'"):
        read(table("a", "x"))
    with pytest.raises(TableError, match="not Parquet"):
        read(table("a.parquet", "x"))
    with pytest.raises(FileNotFoundError):
        read("nope.jsonl")
