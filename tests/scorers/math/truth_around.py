"""(reference, response, verdict) rows: answers on lines of their own, in blocks, taken back, asked for, or with signs around them."""

from __future__ import annotations

R, W, U, E = "right", "wrong", "unparsed", "error"

_MATRIX = "\\begin{pmatrix}\n1 & 2 \\\\\n3 & 4\n\\end{pmatrix}"
_TAKEN_BACK = [
    "Actually, it is $43$.", "No, $43$.", "Wait, it should be $43$.", "I mean $43$.", "Sorry, $43$.", "Oops, I made a mistake. It is $43$.",
    "Let me correct myself: $43$.", "Just kidding, it is $43$.", "Rather, 43.", "Correction: 43.", "Scratch that, 43.", "On second thought, 43.",
]  # fmt: skip
_KEPT = [
    "Actually, we can check: $6\\cdot 7=42$.", "No other value works, as 43 fails.", "Actually 43 would be too large.", "No more than 43 fit.",
    "Sorry for the long text.", "No. 43 is prime.", "Wait, 43 is not prime?",
]  # fmt: skip

TABLE: dict[str, list[tuple[str, str, str]]] = {
    "formulas on lines of their own": [
        ("42", "The answer is:\n\n\\[\n42\n\\]\n", R),
        ("42", "The answer is:\n$$\n42\n$$", R),
        ("42", "So the answer is:\r\n\r\n\\[\r\n42\r\n\\]\r\n", R),
        ("42", "The answer is\n\\begin{equation*}\n42\n\\end{equation*}", R),
        (_MATRIX, f"The answer is\n$$\n{_MATRIX}\n$$\n", R),
        (_MATRIX, f"**Answer:**\n\n\\[\n{_MATRIX}\n\\]\n", R),
        (_MATRIX, f"The answer is\n$$\n{_MATRIX.replace('4', '5')}\n$$\n", W),
        ("42", "The answer is\n\\[\n42\n\\]\nor\n\\[\n43\n\\]", W),
        ("42", "The answer is\n\\[\n42\n\\] or \\[\n43\n\\]", W),
        ("42", "The answer is\n\\[\n43\n\\]\nNo: the answer is\n\\[\n42\n\\]", R),
        ("42", "The answer is not\n\\[\n42\n\\]", U),
    ],
    "blocks": [
        ("42", "The answer is:\n```\n42\n```", R),
        ("42", "```\n42\n```", R),
        ("42", "```python\nprint(43)\n```\n```output\n43\n```\nThe answer is 42.", R),
        ("x^2+1", "Answer:\n```math\nx^2+1\n```", R),
        ("42", "The answer is:\n```\n43\n```", W),
    ],
    "answers taken back": [
        *(("42", f"The answer is $42$. {words}", W) for words in _TAKEN_BACK),
        *(("43", f"The answer is 42. {words}", R) for words in _TAKEN_BACK),
        *(("42", f"The answer is 42. {words}", R) for words in _KEPT),
        ("42", "The answer is $42$ — no, $43$.", W),
        ("42", "The answer is 42, no wait, 43.", W),
        ("42", "The answer is 42... just kidding, it is 43.", W),
    ],
    "answers asked for, denied in TeX, and more than one": [
        ("42", "Is the answer $42$?", U),
        ("42", "Could the final answer be 42?", U),
        ("42", "What is the answer? The answer is 42.", R),
        ("42", "Is the answer $43$? The answer is $42$.", R),
        ("42", r"\boxed{42}\text{ is wrong}", U),
        ("42", r"\boxed{42} \quad\text{is incorrect}", U),
        ("x=5", r"\boxed{\text{not }x=5}", W),
        ("42", "Answer: $42$ / $43$", W),
        ("42", "Answer: $42$ | $43$", W),
        ("42", "Answer: $42$; $43$", W),
        ("43, 42", "Answer: $42$; $43$", R),
        ("3/4", "Answer: $3$/$4$", R),
    ],
    "so and so is the answer": [
        ("42", "Therefore, 42 is the answer.", R),
        ("42", "42 is our final answer", R),
        ("42", "Therefore 6*7=42 is the answer", R),
        ("42", "2 or 42 is the answer.", W),
        ("42", "43 minus 42 is the answer", U),
        ("42", "I doubt that 42 is the answer.", U),
        ("42", "Perhaps 42 is the answer", U),
        ("42", "43, 42 is the answer", W),
    ],
    "signs around an answer": [
        ("3/4", 'The answer is "3/4".', R),
        ("(1,2)", "The answer is “(1,2)”.", R),
        ("42", "Answer：42", R),
        ("42", "The answer is 42 🎉", R),
        ("42", "**Answer：** 42 ✔️", R),
        ("42", "The answer is 42 ❌", U),
    ],
}  # fmt: skip
