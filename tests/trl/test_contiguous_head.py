"""The output layer of a model that is trained with LoRA on a CPU."""

import torch
from transformers import AutoModelForCausalLM

from rl_rewards.trl.runs import contiguous_head


def test_a_head_of_frozen_weights_reads_contiguous_states_and_gives_the_same_numbers():
    model = AutoModelForCausalLM.from_pretrained("recipes/policies/arithmetic")
    model.get_output_embeddings().weight.requires_grad_(False)
    ids, seen = torch.arange(60).view(3, 20), []
    model.get_output_embeddings().register_forward_hook(lambda _, inputs, output: seen.append(inputs[0].is_contiguous()))
    before = model(input_ids=ids, logits_to_keep=5).logits
    contiguous_head(model)
    after = model(input_ids=ids, logits_to_keep=5).logits
    assert seen == [False, True]
    torch.testing.assert_close(after, before, rtol=1e-5, atol=1e-5)


def test_a_model_without_an_output_layer_is_left_alone():
    model = AutoModelForCausalLM.from_pretrained("recipes/policies/arithmetic").model
    model.get_output_embeddings = lambda: None
    contiguous_head(model)
