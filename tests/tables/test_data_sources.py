"""Data in blocks: the same rows as the reader's, whatever the cuts, and in whichever order blocks are read."""

import csv
import json
import pickle
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rl_rewards.tables.blocks import BlockSize
from rl_rewards.tables.group_key import BY_PROMPT
from rl_rewards.tables.readers import TableError, read_rows
from rl_rewards.tables.sources import open_source

TEXTS = ["a", 'b"c,d', "x\ny", "é" * 5, ""]
ROWS = [{"prompt": f"p{i // 3}", "completion": TEXTS[i % 5] + "z", "n": str(i)} for i in range(200)]
NAMES = ["data.jsonl", "data.csv", "list.json", "lines.json", "data.parquet", "vertex.jsonl"]


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = [json.dumps(row) + ("\n\nbad\n" if i % 50 == 7 else "\n") for i, row in enumerate(ROWS)]
    (tmp_path / "data.jsonl").write_text("\ufeff" + "".join(lines)[:-1])  # a byte order mark, and no last newline
    (tmp_path / "lines.json").write_text("".join(lines))
    (tmp_path / "list.json").write_text(json.dumps([*ROWS[:50], 5, *ROWS[50:]]))
    with open("data.csv", "w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file)
        writer.writerow(ROWS[0])
        for i, row in enumerate(ROWS):
            writer.writerow(row.values())
            file.write("\r\nonly one cell\r\n" if i % 40 == 3 else "")
    pq.write_table(pa.Table.from_pylist(ROWS), "data.parquet", row_group_size=33)
    turn = [{"role": "user", "parts": [{"text": "q"}]}]
    (tmp_path / "vertex.jsonl").write_text("".join(json.dumps({"contents": turn, "references": {"answer": str(i)}}) + "\n" for i in range(20)))
    return tmp_path


def seen(rows):
    return [(row.number, row.values, row.problem) for row in rows]


@pytest.mark.parametrize("groups", [None, BY_PROMPT], ids=["rows", "groups"])
@pytest.mark.parametrize("size", [BlockSize(1), BlockSize(7), BlockSize(64), BlockSize(1000), BlockSize(1000, 500)], ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_blocks_hold_every_row_once_as_the_reader_has_it(place, name, size, groups):
    source = pickle.loads(pickle.dumps(open_source(name)))
    blocks = list(source.blocks(size, groups))
    expected = seen(read_rows(name))
    assert seen(row for block in blocks for row in source.rows(block)) == expected
    shuffled = random.Random(1).sample(blocks, len(blocks))
    found = {block.index: seen(source.rows(block)) for block in shuffled}
    assert [row for i in range(len(blocks)) for row in found[i]] == expected
    assert list(open_source(name).blocks(size, groups)) == blocks
    assert abs(sum(block.size for block in blocks) - source.size) <= 1


@pytest.mark.parametrize("size", [1, 2, 5, 70])
@pytest.mark.parametrize("name", NAMES[:-1])
def test_no_block_ends_within_a_group_that_must_be_whole(place, name, size):
    source, prompts = open_source(name), []
    for block in source.blocks(BlockSize(size), BY_PROMPT):
        here = [row.values["prompt"] for row in source.rows(block) if row.values is not None]
        assert not here or here[0] not in prompts
        prompts += here


@pytest.mark.parametrize("name", NAMES)
def test_the_digest_is_that_of_the_content(place, name):
    before = open_source(name).digest()
    assert open_source(name).digest() == before
    content = (place / name).read_bytes()
    (place / name).write_bytes(content.replace(b"p7", b"p8") if name != "data.parquet" else content)
    if name == "data.parquet":
        pq.write_table(pa.Table.from_pylist([{**ROWS[0], "n": "x"}]), name)
    assert (open_source(name).digest() != before) == (name != "vertex.jsonl")


def test_what_a_function_returns_has_blocks_too(place):
    (place / "mine.py").write_text(
        "def rows():\n    return [{'prompt': 'q', 'completion': str(i)} for i in range(10)]\ndef some():\n    return {'train': []}\n"
    )
    source = pickle.loads(pickle.dumps(open_source("mine.py:rows")))
    assert [row.values["completion"] for block in source.blocks(BlockSize(3)) for row in source.rows(block)] == list("0123456789")
    with pytest.raises(TableError, match="must return a list of rows or a dataset, got dict"):
        open_source("mine.py:some")


def test_a_directory_in_the_form_of_the_hub_has_blocks_too(place):
    pytest.importorskip("datasets")
    (place / "local" / "data").mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(ROWS), "local/data/train-00000-of-00001.parquet")
    source = pickle.loads(pickle.dumps(open_source("local")))
    assert [row.values for block in source.blocks(BlockSize(33)) for row in source.rows(block)] == ROWS


def test_a_list_that_is_written_again_or_another_of_the_same_name_is_read_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "list.json").write_text('[{"n": 1}]')
    source = open_source("list.json")
    assert [row.values for row in source.slice(0, 9)] == [{"n": 1}]
    (tmp_path / "list.json").write_text('[{"n": 2}]')
    assert [row.values for row in source.slice(0, 9)] == [{"n": 2}]
    (tmp_path / "other").mkdir()
    (tmp_path / "other/list.json").write_text('[{"n": 3}]')
    monkeypatch.chdir(tmp_path / "other")
    assert [row.values for row in open_source("list.json").slice(0, 9)] == [{"n": 3}]


@pytest.mark.parametrize(
    "read", [read_rows, lambda name: (row for block in open_source(name).blocks(BlockSize(50)) for row in open_source(name).rows(block))]
)
def test_a_damaged_page_of_a_parquet_file_is_said_with_the_file_and_the_row(tmp_path, monkeypatch, read):
    monkeypatch.chdir(tmp_path)
    pq.write_table(pa.table({"prompt": ["q"] * 300, "completion": [str(i) for i in range(300)]}), "damaged.parquet", row_group_size=100)
    content = bytearray((tmp_path / "damaged.parquet").read_bytes())
    column = pq.ParquetFile("damaged.parquet").metadata.row_group(1).column(1)
    start = column.dictionary_page_offset or column.data_page_offset
    content[start : start + column.total_compressed_size] = b"\xff" * column.total_compressed_size
    (tmp_path / "damaged.parquet").write_bytes(content)
    with pytest.raises(TableError, match=r"damaged\.parquet: not readable after row \d+: "):
        list(read("damaged.parquet"))


def test_csv_in_utf_16_is_refused_by_its_first_line(tmp_path):
    (tmp_path / "wide.csv").write_bytes("prompt,completion\nq,c\n".encode("utf-16"))
    with pytest.raises(TableError, match="found bytes that are not UTF-8"):
        list(read_rows(tmp_path / "wide.csv"))
