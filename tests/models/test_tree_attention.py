import copy

import numpy as np
import pytest
import torch
import transformers as hf
from transformers import masking_utils

from rl_rewards.models.attention import NAME, PathMask, TreeAttention, UnsupportedAttentionError, attending
from rl_rewards.models.blocks import BLOCK, tree_block_mask
from rl_rewards.models.tree import build_tree

PROMPT = list(range(100, 140))
ROWS = sorted([PROMPT + [1, 2, 3], PROMPT + [4], PROMPT + list(range(200, 260)), PROMPT + list(range(200, 220)) + [7, 8], [9] * 30])


@pytest.mark.parametrize("window", [None, 8])
@pytest.mark.parametrize("key_heads", [4, 2])
@pytest.mark.parametrize("last_layer", [False, True])
def test_both_kernels_give_each_token_the_attention_of_its_own_sequence(window, key_heads, last_layer):
    torch.manual_seed(0)
    tree = build_tree([np.array(row) for row in ROWS])
    packed = len(tree.tokens)
    query, key, value = torch.randn(1, 4, packed, 8), torch.randn(1, key_heads, packed, 8), torch.randn(1, key_heads, packed, 8)
    queries = torch.tensor(sorted({tree.packed_index(row, len(ROWS[row]) - 1 - back) for row in range(len(ROWS)) for back in (0, 2)}))
    attention = TreeAttention(tree, torch.device("cpu"), queries)
    asked = query[:, :, queries] if last_layer else query
    by_node = attention._by_node(asked, key, value, 0.3, window, last_layer)
    flex = attention._flex(asked, key, value, 0.3, window, last_layer)
    torch.testing.assert_close(by_node, flex, atol=1e-5, rtol=0)

    for row, tokens in enumerate(ROWS):
        places = torch.tensor([tree.packed_index(row, position) for position in range(len(tokens))])
        position = torch.arange(len(tokens))
        mask = position <= position[:, None]
        if window is not None:
            mask &= position > position[:, None] - window
        alone = torch.nn.functional.scaled_dot_product_attention(
            query[:, :, places], key[:, :, places], value[:, :, places], attn_mask=mask, scale=0.3, enable_gqa=True
        ).transpose(1, 2)
        expected, got = (alone[:, -1], by_node[:, (queries == places[-1]).nonzero()[0, 0]]) if last_layer else (alone, by_node[:, places])
        torch.testing.assert_close(expected, got, atol=1e-5, rtol=0)


@pytest.mark.parametrize("window", [None, 40])
@pytest.mark.parametrize("last_layer", [False, True])
def test_the_block_mask_skips_only_blocks_without_and_passes_whole_only_blocks_with_all_their_tokens_seen(window, last_layer):
    rng = np.random.default_rng(0)
    prompts = [rng.integers(0, 99, 300).tolist() for _ in range(3)]
    rows = sorted(prompt + rng.integers(0, 99, length).tolist() for prompt in prompts for length in (5, 150, 400))
    tree = build_tree([np.array(row) for row in rows])
    ends = sorted(tree.packed_index(row, len(tokens) - 1) for row, tokens in enumerate(rows))
    queries = torch.tensor(ends) if last_layer else torch.arange(len(tree.tokens))
    mask = tree_block_mask(tree, queries, window)
    dense = mask.mask_mod(0, 0, torch.arange(len(queries))[:, None], torch.arange(len(tree.tokens))[None])
    rows_of_blocks, columns = -(-len(queries) // BLOCK), -(-len(tree.tokens) // BLOCK)
    whole = 0
    for i in range(rows_of_blocks):
        partial = set(mask.kv_indices[0, 0, i, : mask.kv_num_blocks[0, 0, i]].tolist())
        full = set(mask.full_kv_indices[0, 0, i, : mask.full_kv_num_blocks[0, 0, i]].tolist())
        whole += len(full)
        assert not partial & full
        for j in range(columns):
            block = dense[i * BLOCK : (i + 1) * BLOCK, j * BLOCK : (j + 1) * BLOCK]
            assert (j in partial | full) or not block.any()
            assert (j not in full) or block.all()
    assert (whole > 0) == (window is None and not last_layer)


CONFIG = hf.MistralConfig(sliding_window=24, hidden_size=32, num_attention_heads=4)
PATH = {"inputs_embeds": torch.zeros(1, 70, 32), "attention_mask": torch.ones(1, 70, dtype=torch.long), "past_key_values": None}


@pytest.fixture
def over_a_tree():
    config = copy.deepcopy(CONFIG)
    config._attn_implementation = NAME
    config.attention_chunk_size = 16
    return config


@pytest.mark.parametrize(("make", "window"), [(masking_utils.create_causal_mask, None), (masking_utils.create_sliding_window_causal_mask, 24)])
def test_a_tree_attends_within_the_mask_that_the_model_makes(make, window, over_a_tree):
    places = torch.tensor([[*range(40), *range(10, 40)]])  # the tree's positions begin anew at a branch
    assert make(config=over_a_tree, position_ids=places, **PATH) == PathMask(window)


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (masking_utils.create_chunked_causal_mask, {}),
        (masking_utils.create_bidirectional_mask, {}),
        (masking_utils.create_causal_mask, {"and_mask_function": lambda _b, _h, q, k: q - k < 5}),
        (masking_utils.create_causal_mask, {"or_mask_function": lambda _b, _h, q, k: (q < 8) & (k < 8)}),
        (masking_utils.create_causal_mask, {"block_sequence_ids": torch.tensor([[0] * 8 + [-1] * 62])}),
    ],
)
def test_a_mask_that_a_tree_cannot_follow_is_refused(make, options, over_a_tree):
    with pytest.raises(UnsupportedAttentionError, match="neither causal nor a sliding window"):
        make(config=over_a_tree, **PATH, **options)


@pytest.mark.parametrize("mask", [None, torch.zeros(1, 1, 4, 4)])
def test_attention_that_was_given_no_mask_of_the_trees_is_refused(mask):
    tree = build_tree([np.array([1, 2, 3, 4])])
    states = torch.zeros(1, 2, 4, 8)
    model = hf.MistralModel(hf.MistralConfig(vocab_size=9, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8))
    reader = TreeAttention(tree, torch.device("cpu"), torch.tensor([3]))
    with attending(model, reader), pytest.raises(UnsupportedAttentionError, match="Linear makes a mask of its own"):
        hf.AttentionInterface()[NAME](torch.nn.Linear(1, 1), states, states, states, mask)
