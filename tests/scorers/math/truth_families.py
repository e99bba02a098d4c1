"""(reference, response, verdict) rows: the spellings of one value against each other, and near misses against each of them."""

from __future__ import annotations

R, W, U, E = "right", "wrong", "unparsed", "error"

# Spellings of one value, and what is another one.
_FAMILIES: list[tuple[list[str], list[str]]] = [
    ([r"3:4", r"3{:}4", r"3\colon 4"], [r"4:3", r"3{:}5"]),
    ([r"\frac{3}{4}", r"{3}/{4}", r"3 \div 4"], [r"4 \div 3", r"{3}/{5}"]),
    ([r"6.02\times10^{23}", r"6.02 x 10^{23}", r"6.02x10^23"], [r"6.02 x 10^{22}", r"6.03x10^23"]),
    ([r"\infty", r"\text{infinity}", "infinity"], [r"-\text{infinity}", "0"]),
    ([r"2A_{16}", r"\text{2A}_{16}", r"2\mathrm{A}_{16}", r"(2A)_{16}"], [r"\text{2B}_{16}", r"\text{2A}_{12}"]),
    ([r"243_5", r"243 \text{ base } 5", r"243\text{ (base 5)}"], [r"243 \text{ base } 6", r"244 \text{ base } 5"]),
    ([r"3\text{rd}", r"3^{\text{rd}}", "3"], [r"4^{\text{th}}"]),
    ([r"O(n\log n)", r"\mathcal{O}(n \log n)"], [r"\mathcal{O}(n)"]),
    ([r"1,2,\ldots,10", r"1,2,\dots,10", "1, 2, ..., 10"], [r"1,2,\dots,11", "1,2,10"]),
    ([r"\text{H}_2\text{O}", r"\mathrm{H_2O}", r"\mathrm{H}_{2}\mathrm{O}", "H_2O"], [r"\mathrm{H_2O_2}", r"\mathrm{HO_2}"]),
    ([r"\text{June 27}", "June 27"], [r"\text{June 28}", "July 27", "27"]),
    ([r"\sqrt[3]{2}", "∛2", r"\root 3 \of 2", "cbrt(2)"], ["√2", "∛3"]),
    ([r"(-\infty,2)", "(-oo, 2)", "(-inf, 2)", "(-Infinity,2)"], ["(-oo, 2]", "(oo, 2)", "(-oo, 3)"]),
    (["|x-7|", "abs(x-7)", "Abs(x - 7)"], ["x-7", "abs(x+7)"]),
    ([r"\arctan 2", r"\mathrm{arctan}\,2", r"\text{arctan}(2)", r"\arctg 2"], [r"\arctg 3", r"\ctg 2"]),
    ([r"\max(a,b)", r"\max\{a,b\}", r"\text{max}(b,a)"], [r"\min\{a,b\}", r"\max\{a,c\}"]),
    ([r"-\infty", r"\text{negative infinity}"], [r"\text{infinity}"]),
    ([r"\theta=\frac{\pi}{3}", "theta = pi/3", "θ=π/3"], ["theta=pi/4", r"\phi^2=\frac{\pi}{3}"]),
    ([r"\sigma^2", "sigma^2", "sigma**2"], ["sigma", "omega^2"]),
    ([r"\cosh x", "cosh(x)"], ["sinh(x)", "cos(x)"]),
    ([r"\lfloor x\rfloor", "floor(x)"], ["ceil(x)", "x"]),
    (["alpha", r"\text{alpha}", "Alpha"], ["beta", r"\text{Beta}"]),
    ([r"\text{beta decay}", "beta decay", "Beta decay"], ["alpha decay"]),
    # Matrices and systems.
    (
        [
            r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \\ \end{pmatrix}", r"\begin{bmatrix}1&2\cr 3&4\end{bmatrix}",
            r"\begin{smallmatrix}1&2\\3&4\end{smallmatrix}", "[[1,2],[3,4]]", "[[1, 2], [3, 4]]",
        ],
        [
            r"-\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"2\begin{pmatrix}1&2\\3&4\end{pmatrix}", "[[1,3],[2,4]]", "[[1,2,3,4]]", "-2",
            r"\begin{pmatrix}1&2\\3&5\\\end{pmatrix}",
        ],
    ),
    (
        [
            r"\begin{cases}x=1\\y=2\end{cases}", r"\left\{\begin{array}{l}x=1\\y=2\end{array}\right.", r"\begin{aligned}x&=1\\y&=2\end{aligned}",
            r"\left\{\begin{aligned}x&=1\\y&=2\end{aligned}\right.", r"x = 1 \\ y = 2", r"x=1,y=2",
        ],
        [r"\left\{\begin{array}{l}x=2\\y=1\end{array}\right.", r"\begin{aligned}x&=1\\y&=3\end{aligned}", r"x = 1 \\ y = 3"],
    ),
    (
        [r"\begin{cases}x & x>0\\ -x & x\le 0\end{cases}", r"\left\{\begin{matrix} x & x>0\\ -x & x\le 0\end{matrix}\right."],
        [r"\left\{\begin{matrix} -x & x>0\\ x & x\le 0\end{matrix}\right."],
    ),
    # Sets.
    (
        [r"(-\infty,1)\cup(2,\infty)", r"(-\infty,1)\bigcup(2,\infty)", r"\mathbb{R}\backslash[1,2]"],
        [r"(-\infty,1]\bigcup(2,\infty)", r"(-\infty,1)\bigcap(2,\infty)"],
    ),
    ([r"\mathbb{R}\setminus\{1\}", r"\mathbb{R}\backslash\{1\}", r"\mathbb{R}-\{1\}"], [r"\mathbb{R}-\{2\}", r"\mathbb{R}"]),
    ([r"-\infty<x<\infty", r"\mathbb{R}"], [r"0<x<\infty", r"[0,\infty)"]),
    ([r"\{(1,2),(3,4)\}", r"(x,y)\in\{(1,2),(3,4)\}", "(1,2),(3,4)"], [r"(x,y)\in\{(1,2),(4,3)\}", r"(x,y)\in\{(1,2)\}"]),
    ([r"\emptyset", r"\{\}", r"\text{There is no solution}", r"\text{There are no real solutions}"], [r"\{\emptyset\}", r"\text{There is one solution}"]),
    ([r"\text{infinitely many}", r"\text{There are infinitely many solutions}"], [r"\text{There are no solutions}", r"\text{finitely many}"]),
    # General solutions, constants of integration, remainders.
    (
        [
            r"x=\frac{\pi}{4}+k\pi, k\in\mathbb{Z}", r"x=\frac{\pi}{4}+n\pi,\ n\in\mathbb Z", r"\frac{\pi}{4}+n\pi \text{ for any integer } n",
            r"x = \frac{\pi}{4} + k\pi \ (k \in \mathbb{Z})", r"\frac{\pi}{4}+m\pi, \text{ where } m \text{ is an integer}",
            r"x\in\{\frac{\pi}{4}+k\pi \mid k\in\mathbb{Z}\}", r"n\pi+\frac{\pi}{4}, n \text{ an integer}",
        ],
        [
            r"x=\frac{\pi}{3}+n\pi, n\in\mathbb{Z}", r"x=\frac{\pi}{4}+2n\pi, n\in\mathbb{Z}", r"\frac{\pi}{4}",
            r"x=\frac{\pi}{4}+n\pi, n\in\mathbb{N}", r"x=\frac{\pi}{4}-\pi, n\in\mathbb{Z}",
        ],
    ),
    ([r"\frac{x^3}{3}+C", r"\frac13x^3+c", r"\frac{x^3}{3}+\text{constant}", r"\frac{x^3}{3}+C_1"], [r"\frac{x^3}{3}", r"\frac{x^2}{3}+c", r"\frac{x^3}{3}+5"]),
    ([r"3 \pmod 7", r"3 \bmod 7", r"3\ (\text{mod }7)", r"x\equiv 3\pmod{7}", r"x = 3 \mod 7"], [r"4\pmod 7", r"3 \pmod 5", r"x\equiv 3\pmod{70}"]),
]  # fmt: skip


def _rows() -> list[tuple[str, str, str]]:
    rows = []
    for right, wrong in _FAMILIES:
        rows.extend((reference, rf"\boxed{{{answer}}}", R) for reference in right for answer in right if answer != reference)
        rows.extend((reference, rf"\boxed{{{answer}}}", W) for reference in right for answer in wrong)
    return rows


TABLE: dict[str, list[tuple[str, str, str]]] = {
    "families": _rows(),
    "remainders that are numbers": [
        ("3", r"\boxed{3 \pmod 7}", R),
        ("3", r"\boxed{10 \pmod 7}", W),
        ("24", r"\boxed{2^{10} \bmod 100}", W),
        (r"x\equiv 3\pmod{7}", r"\boxed{y\equiv 3\pmod{7}}", W),
    ],
    "rows that begin with a command": [
        (r"\begin{pmatrix}\frac{1}{3}\\ \frac{1}{5} \end{pmatrix}", r"\boxed{\frac{1}{15}\begin{pmatrix}5\\3\end{pmatrix}}", R),
        (r"\begin{pmatrix}\frac{1}{3}\\ \frac{1}{5} \end{pmatrix}", r"\boxed{\frac{1}{15}\begin{pmatrix}3\\5\end{pmatrix}}", W),
        (r"\begin{pmatrix}\frac{1}{3}\\ \frac{1}{5} \end{pmatrix}", r"\boxed{2\begin{pmatrix}\frac{1}{3}\\ \frac{1}{5} \end{pmatrix}}", W),
    ],
    "large constants beside a letter": [
        ("2^{1009}", r"\boxed{2^{1009}+C}", W),
        ("x+10^{25}", r"\boxed{x+1+10^{25}}", W),
        ("x+10^{25}", r"\boxed{10^{25}+x}", R),
        ("0.1x", r"\boxed{\frac{x}{10}}", R),
    ],
    "letters of functions and lists": [
        ("f(n)=n", r"\boxed{f(m)=n}", W),
        ("f(n)=n", r"\boxed{f(m)=m}", R),
        ("f(x)=ax+b", r"\boxed{f(t)=at+b}", R),
        ("f(x)=5", r"\boxed{f(t)=5}", R),
        ("n=1, 2, 3", r"\boxed{m=1, 2, 3}", R),
        (r"x=\frac{\pi}{6}+\pi k, \frac{\pi}{3}+\pi k", r"\boxed{y=\frac{\pi}{6}+\pi k, \frac{\pi}{3}+\pi k}", W),
        (r"x=2ak, k\in\mathbb{Z}", r"\boxed{x=2an, n\in\mathbb{Z}}", R),
        ("x=1, 200", r"\boxed{1200}", W),
        ("Cx+C", r"\boxed{Cx+c}", W),
        (r"\frac52", r"\boxed{\frac52 \pmod 7}", W),
    ],
    "letters that are no constants": [
        ("a+b+c", r"\boxed{c+b+a}", R),
        ("a+b+c", r"\boxed{a+b+k}", W),
        ("x^2+C", r"\boxed{y^2+c}", W),
        (r"2k, k\in\mathbb{N}", r"\boxed{2n, n\in\mathbb{Z}}", W),
    ],
}  # fmt: skip
