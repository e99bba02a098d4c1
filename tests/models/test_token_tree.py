import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rl_rewards.models.tree import MIN_SHARED, build_tree, pack


def arrays(rows):
    return [np.array(row) for row in sorted(rows)]


def test_a_shared_prompt_is_packed_once():
    prompt = list(range(100, 100 + MIN_SHARED))
    tree = build_tree(arrays([prompt + [1, 2], prompt + [3], prompt + [4, 5, 6]]))
    assert tree.tokens.tolist() == prompt + [1, 2, 3, 4, 5, 6]
    assert tree.positions.tolist() == [*range(MIN_SHARED), 16, 17, 16, 16, 17, 18]
    assert [node.parent for node in tree.nodes] == [-1, 0, 0, 0]
    assert tree.nodes[0].reach == len(tree.tokens)


def test_a_common_run_too_short_to_pay_is_not_shared():
    tree = build_tree(arrays([[7, 1, 2], [7, 3, 4]]))
    assert tree.tokens.tolist() == [7, 1, 2, 7, 3, 4]
    assert [node.parent for node in tree.nodes] == [-1, -1]


def test_a_sequence_that_another_goes_on_from_ends_inside_the_tree():
    short = list(range(20))
    tree = build_tree(arrays([short, short + [99]]))
    assert len(tree.tokens) == 21
    assert tree.packed_index(0, 19) == 19 and tree.packed_index(1, 20) == 20


prefixes = st.lists(st.integers(0, 2), min_size=0, max_size=2 * MIN_SHARED)
batches = st.builds(
    lambda heads, tails: {tuple(heads[i % len(heads)] + heads[j % len(heads)] + tail) for i, j, tail in tails} - {()},
    st.lists(prefixes, min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.lists(st.integers(0, 1), max_size=5)), min_size=1, max_size=12),
).filter(len)


@settings(max_examples=200, deadline=None)
@given(batches)
def test_each_token_sees_exactly_its_own_sequence_up_to_itself(rows):
    sequences = arrays(rows)
    tree = build_tree(sequences)
    reach = np.repeat([node.reach for node in tree.nodes], [node.end - node.start for node in tree.nodes])
    assert len(tree.tokens) <= sum(map(len, sequences))
    for index, sequence in enumerate(sequences):
        places = [tree.packed_index(index, position) for position in range(len(sequence))]
        assert tree.tokens[places].tolist() == sequence.tolist()
        assert tree.positions[places].tolist() == list(range(len(sequence)))
        seen = [k for k in range(len(tree.tokens)) if k <= places[-1] < reach[k]]
        assert seen == places
        path = [k for node in tree.path(tree.leaves[index]) for k in range(node.start, node.end)]
        assert path[: len(places)] == places


@pytest.mark.parametrize("budget", [1, 20, 40, 1000])
def test_packs_hold_at_most_the_budget_and_every_sequence_once(budget):
    prompt = list(range(18))
    sequences = arrays([prompt + [40 + tail] * (tail + 1) for tail in range(6)] + [[90] * 30])
    packs = pack(sequences, range(len(sequences)), budget)
    assert sorted(row for batch in packs for row in batch) == list(range(len(sequences)))
    for batch in packs:
        assert len(batch) == 1 or len(build_tree([sequences[row] for row in batch]).tokens) <= budget


def test_a_pack_ends_between_groups_rather_than_within_one():
    groups = [[[group] * 50 + [100 + tail] * 10 for tail in range(4)] for group in range(3)]
    sequences = arrays(row for rows in groups for row in rows)  # 90 tokens a group
    assert pack(sequences, range(12), 130) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
