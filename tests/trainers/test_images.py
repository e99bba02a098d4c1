"""PPO on a vision-language model: the images reach policy and critic."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from datasets import Dataset
from PIL import Image
from transformers import CLIPImageProcessorPil, CLIPVisionConfig, LlavaConfig, LlavaForConditionalGeneration, LlavaProcessor

from rl_rewards.trainers import PPOTrainer
from tests.trainers import tiny

pytestmark = pytest.mark.slow  # it trains

TEMPLATE = """{% for message in messages %}{% if message['content'] is string %}{{ message['content'] }}{% else %}
{%- for part in message['content'] %}{{ '<image>' if part['type'] == 'image' else part['text'] }}{% endfor %}{% endif %}{% endfor %}"""


def save_vision_language_model(folder: Path) -> None:
    """A LLaVA of 50,000 parameters that reads images of 16 x 16 pixels as four patches, with its processor."""
    tokens = tiny.tokenizer()
    tokens.add_special_tokens({"additional_special_tokens": ["<image>"]})
    images = CLIPImageProcessorPil(size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16})
    LlavaProcessor(
        images, tokens, patch_size=8, vision_feature_select_strategy="default", chat_template=TEMPLATE, num_additional_image_tokens=1
    ).save_pretrained(folder)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    text = tiny.policy(vocab_size=len(tokens)).config
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(**sizes, image_size=16, patch_size=8, projection_dim=32), text_config=text,
        image_token_index=tokens.convert_tokens_to_ids("<image>"),
    )  # fmt: skip
    torch.manual_seed(0)
    model = LlavaForConditionalGeneration(config)
    model.generation_config.eos_token_id, model.generation_config.pad_token_id = tokens.eos_token_id, tokens.pad_token_id
    model.save_pretrained(folder)


def brightness(completions: list, image: list[Image.Image], **columns: object) -> list[float]:
    return [picture.getpixel((0, 0))[0] / 255 for picture in image]


@pytest.mark.parametrize("critic", ["separate", "shared"])
def test_the_critic_learns_what_only_the_image_tells(tmp_path, critic):
    save_vision_language_model(tmp_path / "model")
    question = [{"role": "user", "content": "what?"}]
    dataset = Dataset.from_list([{"prompt": question, "image": Image.new("RGB", (16, 16), (level,) * 3)} for level in (0, 255) * 16])
    trainer = PPOTrainer(
        str(tmp_path / "model"), brightness, train_dataset=dataset,
        args=tiny.config(tmp_path, critic=critic, max_steps=60, critic_learning_rate=1e-2, beta=0.02, cliprange_value=None),
    )  # fmt: skip
    trainer.train()
    logs = [entry for entry in trainer.state.log_history if "critic/explained_variance" in entry]
    assert abs(logs[0]["critic/explained_variance"]) < 0.1 and logs[-1]["critic/explained_variance"] > 0.5
