"""Journals: what is finished stays, what was cut short is dropped, and other work's is not taken."""

import pytest

from rl_rewards.generation.journal import Journal, JournalError


def test_values_are_there_again_and_the_last_of_a_key_counts(tmp_path):
    with Journal(tmp_path / "j.jsonl", {"seed": 0}) as journal:
        journal["a"], journal["b"], journal["a"] = {"text": "\u2028 é"}, None, [1, 2]
        assert (journal["a"], journal["b"], len(journal), "c" in journal) == ([1, 2], None, 2, False)
    with Journal(tmp_path / "j.jsonl", {"seed": 0}) as journal:
        assert (journal["a"], journal["b"]) == ([1, 2], None)


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_line_that_was_cut_short_is_dropped_and_the_next_one_is_whole(tmp_path, cut):
    path = tmp_path / "j.jsonl"
    with Journal(path, {}) as journal:
        journal["a"], journal["b"] = 1, 2
    path.write_bytes(path.read_bytes()[:-cut])
    with Journal(path, {}) as journal:
        assert "b" not in journal and journal["a"] == 1
        journal["c"] = 3
    with Journal(path, {}) as journal:
        assert (journal["a"], journal["c"], len(journal)) == (1, 3, 2)


def test_other_works_journal_is_refused_with_the_differences_unless_nothing_is_in_it(tmp_path):
    path = tmp_path / "j.jsonl"
    with Journal(path, {"seed": 0, "n": 1}):
        pass
    with Journal(path, {"seed": 1, "n": 1}) as journal:
        journal["a"] = 1
    with pytest.raises(JournalError, match="j.jsonl: holds the finished part of other work: n was 1, is 2; remove it"):
        Journal(path, {"seed": 1, "n": 2})


def test_two_at_once_and_files_of_something_else_are_refused(tmp_path):
    path = tmp_path / "j.jsonl"
    with Journal(path, {}), pytest.raises(JournalError, match="another process works on this"):
        Journal(path, {})
    for content in ("rewards: []\n", '{"prompt": "q"}\n', "[1]\n"):
        path.write_text(content)
        with pytest.raises(JournalError, match="is no file of finished work"):
            Journal(path, {})
        assert path.read_text() == content
