"""The row that these tests score."""

ROW = {"messages": [{"role": "user", "content": "what is red"}, {"role": "assistant", "content": "red is a colour"}], "answer": "red"}
