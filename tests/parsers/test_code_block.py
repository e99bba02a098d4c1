"""The last closed fenced block of the language."""

import pytest

from rl_rewards.parsers.code_block import CodeBlock

ROWS = [
    # origin: one block
    ("```python\nprint(1)\n```", "print(1)\n"),
    ("text\n```python\nprint(1)\n```\ntext", "print(1)\n"),
    ("```py\nprint(1)\n```", "print(1)\n"),
    ("```Python3\nprint(1)\n```", "print(1)\n"),
    ('```python title="a.py"\nprint(1)\n```', "print(1)\n"),
    ("``` python\nprint(1)\n```", "print(1)\n"),
    ("~~~python\nprint(1)\n~~~", "print(1)\n"),
    ("```python\r\nprint(1)\r\n```\r\n", "print(1)\r\n"),
    ("```python\n```", ""),
    # origin: several blocks
    ("```python\nfirst\n```\n```python\nsecond\n```", "second\n"),
    ("```python\nprint(1)\n```\nprints\n```\n1\n```", "print(1)\n"),
    ("```python\nprint(1)\n```\n```text\n1\n```", "print(1)\n"),
    ("```text\n```python\nprint(1)\n```", None),
    # origin: no block
    ("print(1)", None),
    ("", None),
    ("```\nprint(1)\n```", None),
    ("```javascript\nx\n```", None),
    ("`python print(1)`", None),
    ("a ```python\nprint(1)\n```", None),
    ("    ```python\nprint(1)\n    ```", None),
    # origin: broken off
    ("```python\nprint(1)", None),
    ("```python\nfirst\n```\n```python\nsecond", "first\n"),
    ("```python\nprint(1)\n```not the end", None),
    # origin: fences inside
    ("````python\nx = '''\n```\n'''\n````", "x = '''\n```\n'''\n"),
    ("```python\n~~~\n```", "~~~\n"),
    ("```python\nx = '```'\n```", "x = '```'\n"),
    # origin: indented with a list item
    ("  ```python\n  if x:\n      y\n  ```", "if x:\n    y\n"),
]


@pytest.mark.parametrize(("text", "code"), ROWS)
def test_the_program_is_the_last_closed_python_block(text, code):
    assert CodeBlock().parse(text) == code


@pytest.mark.parametrize(("language", "code"), [("", "1\n"), ("text", "2\n"), ("TEXT", "2\n"), ("sql", None)])
def test_other_languages_can_be_asked_for(language, code):
    assert CodeBlock(language).parse("```\n1\n```\n```text\n2\n```") == code


@pytest.mark.parametrize("language", ["python 3", " python"])
def test_a_language_is_one_word(language):
    with pytest.raises(ValueError, match="one word"):
        CodeBlock(language)
