"""(reference, response, verdict) rows: what models put around a value, and answers stated in other ways and languages."""

from __future__ import annotations

R, W, U, E = "right", "wrong", "unparsed", "error"

_AROUND = [
    r"9.8\ \mathrm{m/s^2}", r"9.8\,\mathrm{m\,s^{-2}}", r"9.8 \text{ N}\cdot\text{m}", r"9.8\,\text{kg}\cdot\text{m}/\text{s}^2",
    r"9.8\,\frac{\text{m}}{\text{s}^2}", r"9.8\,\frac{\mathrm{km}}{\mathrm{h}}", r"9.8\,\Omega", r"9.8\,\mathrm{k}\Omega", r"9.8\,\mu\text{m}",
    r"9.8\,\mu\mathrm{F}", r"9.8 \text{ °C}", r"9.8\text{°}", r"9.8\,[\text{m}]", r"9.8\;(\text{cm})", r"9.8 \, \text{cm} \times \text{cm}",
    r"\text{Rs. }9.8", r"Rs. 9.8", r"₹9.8", r"₩9.8", r"\text{USD }9.8", r"US\$9.8", r"\approx 9.8", r"≈ 9.8\text{ m}", r"\sim 9.8", r"= 9.8",
    r"\text{approximately } 9.8", r"\text{about }9.8\text{ m}", r"approx. 9.8", r"9.8\ldots", r"9.8\dots", r"\color{red}{9.8}",
    r"\textcolor{blue}{9.8}", r"\underline{9.8}", r"\phantom{0}9.8", r"9.8 \tag{1}", r"\text{Answer: }9.8", r"\text{The answer is }9.8",
    r"\text{Total cost: } \$9.8", r"\text{Area of the square: }9.8\text{ cm}^2",
]  # fmt: skip
_STATED = [
    "<answer>42</answer>", "<answer>\nThe answer is 42.\n</answer>", r"<answer>\boxed{42}</answer>", r"\boxed{41} <answer>42</answer>",
    "<answer>41</answer> No: <answer>42</answer>", "So the answer is: `42`", "`42`", "*42*", "__42__", "_42_.", "Answer - 42", "Answer – $42$",
    "\\[\n42\n\\]", "$$\n42\n$$", "The answer is 42 (not 41).", "The answer is 42 (in dollars).", "#### The answer is 42", "#### Final answer is: 42",
    "最终答案是 42。", "所以答案是42个苹果。", "答案：42", "答案为：$42$", "答案应该是 42", "答えは42です。", "答え：42", "정답은 42입니다.", "Ответ: 42.",
    "La respuesta es 42.", "La respuesta final es: 42", "Die Antwort ist 42.", "Die Antwort lautet $42$.", "La réponse est 42.", "Réponse : 42",
    "A resposta é 42.", "La risposta è 42.", "41 is the first part. 答案是 42",
]  # fmt: skip

TABLE: dict[str, list[tuple[str, str, str]]] = {
    "units, currencies, labels, colours": [
        *(("9.8", rf"So it is $\boxed{{{text}}}$.", R) for text in _AROUND),
        *(("8.9", rf"So it is $\boxed{{{text}}}$.", W) for text in _AROUND),
        (r"9.8\,\Omega", r"\boxed{9.8}", R),
        (r"9.8\ \mathrm{m/s^2}", r"\boxed{9.8\text{ m/s}^2}", R),
        (r"9.8\ \mathrm{m/s^2}", r"\boxed{8.9\text{ m/s}^2}", W),
        (r"\textcolor{blue}{\frac12}", r"\boxed{0.5}", R),
        ("3.14", r"\boxed{\approx}", W),
        ("x+1", r"\boxed{\underline{x+1}}", R),
        ("x+1", r"\boxed{\underline{x-1}}", W),
        (r"1/3", r"\boxed{0.33\ldots}", W),
        (r"\text{Alice: }5, \text{Bob: }3", r"\boxed{\text{Alice: }5, \text{Bob: }3}", R),
        (r"\text{Alice: }5, \text{Bob: }3", r"\boxed{\text{Alice: }3, \text{Bob: }5}", W),
    ],
    "stated in other ways and languages": [
        *(("42", text, R) for text in _STATED),
        *(("24", text, W) for text in _STATED),
        ("42", "<answer>42</answer><answer>41</answer>", W),
        ("42", "<answer></answer> 42", U),
        ("42", "<think><answer>42</answer></think>", U),
        ("42", "<think><answer>42</answer></think> <answer>41</answer>", W),
        ("42", "<answer>42 or 41</answer>", W),
        ("42", "答案不是 42", U),
        ("42", "答案是 42 吗？", U),
        ("42", "答案是 42 或 41", U),
        ("42", "La respuesta no es 42.", U),
        ("42", "Die Antwort ist nicht 42.", W),
        ("42", "The answer is 42 (wrong).", W),
        ("42", "The answer to 5 - 42 is 41", W),
        ("2", "The answer to 5 - 3 is 2", R),
        ("42", "*41* 42", W),
    ],
}  # fmt: skip
