"""The last fenced block of the language."""

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
    ("```\nprint(1)\n```\n```\n1\n```", None),
    ("```javascript\nx\n```", None),
    ("`python print(1)`", None),
    ("a ```python\nprint(1)\n```", None),
    # origin: no word after the fence, and no other block
    ("```\nprint(1)\n```", "print(1)\n"),
    ("Run:\n~~~\nprint(1)\n~~~\nDone.", "print(1)\n"),
    ("```\nprint(1)", "print(1)\n"),
    ("```\nprint(1)\n```\n```text\n1\n```", None),
    # origin: broken off
    ("```python\nprint(1)", "print(1)\n"),
    ("```python\nprint(1)\n", "print(1)\n\n"),
    ("~~~py\nprint(1)", "print(1)\n"),
    ("```python\nfirst\n```\n```python\nsecond", "first\n"),
    ("```python\nprint(1)\n```not the end", "print(1)\n```not the end\n"),
    # origin: fences inside
    ("````python\nx = '''\n```\n'''\n````", "x = '''\n```\n'''\n"),
    ("```python\n~~~\n```", "~~~\n"),
    ("```python\nx = '```'\n```", "x = '```'\n"),
    # origin: indented with a list item
    ("  ```python\n  if x:\n      y\n  ```", "if x:\n    y\n"),
    ("1. So:\n    ```python\n    if x:\n        y\n    ```\n2. Done", "if x:\n    y\n"),
    ("-\t```python\n\tx\n\t```", None),
    ("\t```python\n\tx\n\t```", "x\n"),
    ("      ~~~python\n      x\n   ~~~", "x\n"),
    # origin: a closing fence indented by mistake (rllm's tests)
    ("```python\nx = 1\n    ```\nDone.", "x = 1\n"),
    ("```python\nx = 1\n    ```\nNow:\n```python\ny = 2\n```", "y = 2\n"),
    ('```python\ndef f():\n    """\n    ```\n    1\n    ```\n    """\n```', 'def f():\n    """\n    ```\n    1\n    ```\n    """\n'),
]


@pytest.mark.parametrize(("text", "code"), ROWS)
def test_the_program_is_the_last_python_block(text, code):
    assert CodeBlock().parse(text) == code


@pytest.mark.parametrize(("language", "code"), [("", "1\n"), ("text", "2\n"), ("TEXT", "2\n"), ("sql", None)])
def test_other_languages_can_be_asked_for(language, code):
    assert CodeBlock(language).parse("```\n1\n```\n```text\n2\n```") == code


@pytest.mark.parametrize("language", ["python 3", " python"])
def test_a_language_is_one_word(language):
    with pytest.raises(ValueError, match="one word"):
        CodeBlock(language)
