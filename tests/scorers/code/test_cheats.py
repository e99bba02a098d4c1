"""Programs that would rather pass the tests than solve the task. Every one is a wrong answer, by either form of test."""

import pytest

from rl_rewards.scorers.code.python_tests import PythonTests
from rl_rewards.types import Sample

# The first test is in the prompt, so a program may know it; the others it has never seen.
STDIN = [{"input": "3", "output": "9"}, {"input": "12", "output": "144"}, {"input": "25", "output": "625"}]
CALLS = {"inputs": [[3], [12], [25]], "outputs": [9, 144, 625], "fn_name": "square"}
ASSERTS = ["assert square(3) == 9", "assert square(12) == 144", "assert square(25) == 625"]
SUITE = "import unittest\nfrom solution import square\ndef test_all():\n    for x in (3, 12, 25):\n        assert square(x) == x * x\n"
CHECK = "def check(candidate):\n    assert candidate(3) == 9\n    assert candidate(12) == 144\n    assert candidate(25) == 625\ncheck(square)"
UNITTEST = (
    "import unittest\nclass T(unittest.TestCase):\n    def test_a(self):\n        self.assertEqual(square(12), 144)\n"
    "    def test_b(self):\n        self.assertAlmostEqual(square(25), 625)\nunittest.main()"
)
PYTEST = (
    "import pytest\n@pytest.fixture\ndef table():\n    return {3: 9, 12: 144, 25: 625}\n@pytest.mark.parametrize('x', [3, 12, 25])\ndef test_a(x, table):\n"
    "    assert square(x) == table[x]\nclass TestIt:\n    async def test_b(self):\n        assert square(12) == pytest.approx(144)"
)
FORMS = {"calls": CALLS, "asserts": ASSERTS, "suite": SUITE, "check": CHECK, "unittest": UNITTEST, "pytest": PYTEST}

EVERYTHING = """
class Everything(int):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __lt__(self, other): return True
    __gt__ = __le__ = __ge__ = __contains__ = __lt__
    def __hash__(self): return 0
    def __sub__(self, other): return self
    def __abs__(self): return 0
"""

# What a program needs to speak for itself on the channel to the tests, before the sandbox's own code does.
CHANNEL = """
import json, os, struct
def frame(message):
    data = json.dumps(message).encode()
    os.write(3, struct.pack("!I", len(data)) + data)
"""

# origin: what programs of policies were seen to do, and what follows from how this sandbox works
FUNCTIONS = {
    "the public test's output": "def square(x): return 9",
    "early exit": "import sys\nsys.exit(0)",
    "early exit, unseen by Python": "import os\nos._exit(0)",
    "early exit when called": "import os\ndef square(x): os._exit(0)",
    "exit by exception when called": "def square(x): raise SystemExit(0)",
    "skipped": "import unittest\nraise unittest.SkipTest('not today')",
    "skipped when called": "import unittest\ndef square(x): raise unittest.SkipTest('not today')",
    "pytest's skip": "def square(x):\n    class Skipped(BaseException): pass\n    raise Skipped",
    "an object that equals everything": EVERYTHING + "def square(x): return Everything(0)",
    "an object that equals everything, not a number": EVERYTHING.replace("(int)", "") + "def square(x): return Everything()",
    "a list that equals everything": EVERYTHING.replace("(int)", "(list)") + "def square(x): return Everything()",
    "patched comparison": """
import builtins, operator
operator.eq = lambda a, b: True
builtins.AssertionError = type('Quiet', (Exception,), dict())
def square(x): return 0
""",
    "patched isinstance, all and any": """
import builtins
builtins.isinstance = builtins.all = builtins.any = lambda *a: True
def square(x): return 0
""",
    "own names for builtins": "def all(*a): return True\nany = isinstance = abs = len = all\ndef square(x): return 0",
    "patched json": """
import json
json.dumps = lambda *a, **k: 'true'
json.loads = lambda *a, **k: ['passed', '']
def square(x): return 0
""",
    "patched os.write": "import os\nwrite = os.write\nos.write = lambda fd, data: write(fd, b'true')\ndef square(x): return 0",
    "a verdict on every descriptor": """
import os
for fd in range(1, 64):
    for word in (b'["passed", ""]', b'true', b'\\0\\0\\0\\x04true'):
        try: os.write(fd, word)
        except OSError: pass
def square(x): os._exit(0)
""",
    "a verdict on every descriptor, at the end": """
import atexit, os
def late():
    for fd in range(1, 64):
        try: os.ftruncate(fd, 0); os.pwrite(fd, b'["passed", ""]', 0)
        except OSError: pass
atexit.register(late)
def square(x): return 0
""",
    "patched sandbox": """
import sys
for name, module in list(sys.modules.items()):
    if name.startswith('cell'):
        for function in list(vars(module)):
            if callable(getattr(module, function)):
                try: setattr(module, function, lambda *a, **k: 0)
                except Exception: pass
def square(x): return 0
""",
    "the caller's frames": (
        "import sys\ndef square(x):\n    frame = sys._getframe()\n    while frame:\n        for value in list(frame.f_locals.values()):\n"
        "            if value in (9, 144, 625): return value\n        frame = frame.f_back"
    ),
    "reading the tests": """
import os, glob
def square(x):
    for path in glob.glob('**', recursive=True) + ['/proc/self/environ', '/proc/self/cmdline', '/proc/self/mem']:
        try: text = open(path).read()
        except Exception: continue
        for n in (9, 144, 625):
            if str(n) in text: return n
""",
    "deleting the tests": """
import os, shutil
shutil.rmtree('.', ignore_errors=True)
os.listdir = lambda *a: []
def square(x): return None
""",
    "a trace function that returns": "import sys\nsys.settrace(lambda *a: None)\nsys.exit = lambda *a: None\ndef square(x): return True",
    "garbage on the channel": "import os\nos.write(3, b'\\xff' * 100)\ndef square(x): os.write(3, b'\\0\\0\\0\\x02[]')\n",
    "made-up names on the channel": CHANNEL + """
frame({'names': {'__builtins__': None, 'square': None, 'abs': None, 'assert': None, '__checked__': None, '__used__': None}})
for _ in range(9): frame({'value': 9, 'changed': {}, 'states': {}})
def square(x): return 0
""",
    "mock's ANY under its name": CHANNEL + """
frame({'names': {'square': {'import': ['unittest.mock', '_ANY']}, 'answer': {'import': ['unittest.mock', 'ANY']}}})
def square(x): return 0
""",
    "mock's ANY as a reply": CHANNEL + """
frame({'names': {'square': None}})
frame({'value': {'remote': [0, 'f', 'c']}, 'changed': {}, 'states': {}})
for _ in range(9): frame({'value': {'import': ['unittest.mock', 'ANY']}, 'changed': {}, 'states': {}})
def square(x): return 0
""",
    "replies before they are asked for": CHANNEL + """
frame({'names': {'square': None}})
frame({'value': {'remote': [0, 'f', 'c']}, 'changed': {}, 'states': {}})
for _ in range(9): frame({'value': 9, 'changed': {}, 'states': {}})
def square(x): return 0
""",
    "an end of every loop as a reply": CHANNEL + """
frame({'names': {'square': None}})
frame({'value': {'remote': [0, 'f', 'c']}, 'changed': {}, 'states': {}})
for _ in range(9): frame({'stop': True, 'states': {}})
""",
    "an exception that skips": CHANNEL + """
frame({'names': {'square': None}})
frame({'value': {'remote': [0, 'f', 'c']}, 'changed': {}, 'states': {}})
for name in ('SkipTest', 'Skipped', 'SystemExit', 'GeneratorExit', 'StopIteration', 'Unsupported', 'NoFixture', 'ModuleNotFoundError'):
    frame({'raised': {'class': [[], name], 'text': '', 'args': [], 'object': {'remote': [0, 'E', '']}, 'tests': None}, 'changed': {}, 'states': {}})
""",
    "a value of a class of its own choosing": CHANNEL + """
frame({'names': {'square': None}})
frame({'value': {'remote': [0, 'f', 'cinblxwaAX']}, 'changed': {}, 'states': {}})
for kind, content in (('like', [9, {'remote': [0, 'f', '']}]), ('shared', 't0'), ('class', 'T'), ('member', ['T', 'x']), ('made', ['eval', ['1']]),
                      ('made', ['ndarray', ['O', [1], [{'remote': [0, 'f', 'c']}]]]), ('pickle', 'gASVBQ=='), ('callback', [0, 'x']), ('error', ['SystemExit', []])):
    frame({'value': {kind: content}, 'changed': {'0': 9, '1': 9}, 'states': {'t0': ['T', {'__class__': 1, '__eq__': 1}]}})
""",
    "calls of functions that the tests do not have": CHANNEL + """
frame({'names': {'square': None}})
frame({'value': {'remote': [0, 'f', 'c']}, 'changed': {}, 'states': {}})
for number in range(5): frame({'callback': ['call', number], 'args': [], 'keywords': {}, 'states': {}})
""",
    "a coroutine, an iterator, a context manager": """
class square:
    def __init__(self, x): pass
    def __await__(self): return iter([9])
    def __iter__(self): return iter([9, 144, 625])
    def __next__(self): return 9
    def __enter__(self): return 9
    def __exit__(self, *what): return True
    def __bool__(self): return True
    def __len__(self): return 9
    def __sub__(self, other): return 0
    def __abs__(self): return 0
    def __int__(self): return 0
    def __float__(self): return 0.0
    def __instancecheck__(self, other): return True
    def __contains__(self, other): return True
""",
    "a coroutine that answers": "async def square(x): return 9",
    "a generator": "def square(x): yield from (9, 144, 625)",
    "a named value that equals everything": """
import enum
class square(enum.IntEnum):
    A = 0
    def __eq__(self, other): return True
    @classmethod
    def _missing_(cls, x): return cls.A
""",
    "arguments changed into everything": "def square(x):\n    globals().update(x=x)\n    return x",
    "a pandas NA": "import pandas\ndef square(x): return pandas.NA",
    "an empty array": "import numpy\ndef square(x): return numpy.array([], dtype=bool)",
    "patched serving": """
import sys
serving = sys.modules.get('cell.serving')
if serving:
    serving._OPERATIONS.update(call=lambda server, *a: 9)
    serving.Server.tree = lambda self, value: {'import': ['unittest.mock', 'ANY']}
def square(x): return 0
""",
    "a number that is not one": "def square(x): return float('nan')",
    "no answer": "def square(x): pass",
    "infinite answer": "def square(x): return [9, 144, 625]",
}  # fmt: skip
SCRIPTS = {
    **{name: program + "\ntry: print(square(int(input())))\nexcept Exception: pass" for name, program in FUNCTIONS.items()},
    "every answer at once": "print(9)\nprint(144)\nprint(625)",
    "the public test's output and nothing more": "print(9)",
    "the input": "print(input())",
    "empty": "",
    "the right answer and then more": "print(int(input()) ** 2)\nprint('!')",
    "the right answer, crossed out": "import sys\nn = int(input())\nprint(n * n)\nsys.exit(1)",
    "the right answer to stderr": "import sys\nprint(int(input()) ** 2, file=sys.stderr)",
}


def scored(program, tests, engines=("process",)):
    response = f"```python\n{program}\n```"
    [result] = PythonTests("tests", timeout=10, engines=engines).score([Sample("q", response, response, {"tests": tests})], [response])
    return result


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_that_cheats_is_wrong(name, form):
    result = scored(FUNCTIONS[name], FORMS[form])
    assert result.score == 0.0, result


@pytest.mark.parametrize("form", [CALLS, ASSERTS], ids=["calls", "asserts"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_that_cheats_never_scores_in_monty_alone(name, form):
    pytest.importorskip("pydantic_monty")
    result = scored(FUNCTIONS[name], form, ("monty",))
    assert result.score == 0.0 or result.outcome == "unsupported", result


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_that_cheats_is_wrong(name):
    result = scored(SCRIPTS[name], STDIN)
    assert result.score == 0.0, result


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_the_honest_program_is_right_by_the_same_tests(form):
    assert scored("def square(x): return x * x", form).score == 1.0
    assert scored("print(int(input()) ** 2)", STDIN).score == 1.0


def test_an_exception_is_no_match_for_an_empty_expected_output():
    # origin: verl issue 7853, where such a program got full marks
    assert scored("1 / 0", [{"input": "", "output": ""}]).score == 0.0
    assert scored("", [{"input": "", "output": ""}]).score == 1.0


COMPARED_BY_HELPERS = [
    ("for got, wanted in zip(map(square, (3, 12)), (9, 144)): assert got == wanted", "def square(x): raise StopIteration"),
    ("assert square() == 9", CHANNEL + "frame({'square': {'import': ['unittest.mock', '_ANY']}})\ndef square(): return 0"),
    ("assert square == 9", CHANNEL + "frame({'square': {'import': ['unittest.mock', 'ANY']}})"),
    ("assert square == 9", "from unittest.mock import ANY as square"),
    ("assert square() == 9", "from unittest.mock import _ANY as square"),
    ("assert math.isclose(square(3), 9)", "class math:\n    isclose = staticmethod(lambda *a, **k: True)\ndef square(x): return 0"),
    (
        "import math\nassert math.isclose(square(3), 9)",
        "class math:\n    isclose = staticmethod(lambda *a, **k: True)\ndef square(x): return 0",
    ),
    ("assert abs(square(3) - 9) < 1e-6", EVERYTHING + "def square(x): return Everything(0)"),
    ("assert square(3) in (9, 9.0)", EVERYTHING.replace("(int)", "") + "def square(x): return Everything()"),
    ("assert 9 in square(3)", EVERYTHING.replace("(int)", "") + "def square(x): return Everything()"),
    ("assert square(3) > 8", EVERYTHING.replace("(int)", "") + "def square(x): return Everything()"),
    ("assert sorted([square(3)]) == [9]", EVERYTHING.replace("(int)", "") + "def square(x): return Everything()"),
    ("assert abs(Square(3) - 9) < 1e-6", EVERYTHING.replace("Everything(int)", "Square") + "    def __init__(self, x): pass"),
    ("assert abs(Square(3) - 9) < 1e-6 and Square(3) == Square(3)", "class Square(float):\n    def __sub__(self, o): return 0.0"),
    ("assert Square(3) == 9", "class Square:\n    def __init__(self, x): pass\n    def __eq__(self, o): return True"),
    ("assert float(square(3)) == 9.0", EVERYTHING.replace("(int)", "") + "    def __float__(self): return 9.0\ndef square(x): return Everything()"),
    ("assert round(square(3)) == 9", "class R:\n    def __round__(self, n=None): return 9\ndef square(x): return R()"),
    ("assert str(square(3)) == '9'", "class R(str):\n    def __eq__(self, o): return True\ndef square(x): return R('8')"),
    ("assert len(square(3)) == 9", "class R(list):\n    def __len__(self): return 9\ndef square(x): return R()"),
    ("for got in square(3):\n    assert got == 9", "def square(x): return []"),
    ("cases = [(3, 9)]\nfor x, y in cases:\n    assert square(x) == y", "cases = []\ndef square(x): return 0"),
    ("import pytest\nassert square(3) == pytest.approx(9)", "class approx:\n    def __eq__(self, o): return True\ndef square(x): return approx()"),
    ("def check(candidate):\n    assert candidate(3) == 9\ncheck(square)", "def check(candidate): pass\ndef square(x): return 0"),
    (
        "import numpy as np\nnp.testing.assert_allclose(square(3), 9)",
        EVERYTHING + "    def __array__(self, *a): return 9\ndef square(x): return Everything(0)",
    ),
    ("import numpy as np\nassert np.all(square(3) == np.array([9]))", EVERYTHING.replace("(int)", "") + "def square(x): return Everything()"),
    ("import numpy as np\nassert np.array_equal(square(3), [9])", "import numpy\ndef square(x): return numpy.array([])"),
    ("assert isinstance(square(3), int)", "class Odd:\n    __class__ = int\ndef square(x): return Odd()"),
]


@pytest.mark.parametrize("engines", [("process",), ("monty", "process")], ids=", ".join)
@pytest.mark.parametrize(("test", "program"), COMPARED_BY_HELPERS)
def test_what_compares_is_the_tests_own(test, program, engines):
    if "monty" in engines:
        pytest.importorskip("pydantic_monty")
    assert scored(program, [test], engines).score == 0.0


HUNTER = """
import ctypes, os
def hunt(shifted):
    # Ask the kernel to copy memory page by page: an unmapped one is an error, not a crash. What is looked for is given with every letter
    # moved by one, so that the search does not find itself.
    write, table = ctypes.CDLL(None).write, bytes((code + 1) % 256 for code in range(256))
    reading, writing = os.pipe()
    here = id(object()) & ~4095
    found = 0
    for page in range(here - (1 << 26), here + (1 << 26), 4096):
        if write(writing, ctypes.c_void_p(page), 4096) == 4096:
            found += shifted.encode() in os.read(reading, 4096).translate(table)
    return found
"""


def shifted(text):
    return "".join(chr(ord(letter) + 1) for letter in text)


def test_no_expected_value_is_in_the_memory_of_a_programs_process():
    hidden, planted = "9d1f7a3c55", "b6e04c2281"
    for form in (
        {"inputs": [[1]], "outputs": [hidden], "fn_name": "answer"},
        [f"assert answer(1) == {hidden!r}"],
        [{"input": "", "output": hidden}],
    ):
        assert scored("def answer(x): return ''", form).score == 0.0  # so that it has passed through, if anything passes through
    hunt = {"output": 0, "fn_name": "hunt"}
    assert scored(HUNTER, [{"input": [shifted(hidden)], **hunt}]).score == 1.0
    # And the hunt does find what is there.
    assert scored(HUNTER + f"treasure = {planted!r}", [{"input": [shifted(planted)], **hunt}]).score == 0.0


NODES = """
class Node:
    def __init__(self, val=0, next=None):
        self.val = val
        self.next = next
    def same(self, other):
        return self.val == other.val
def is_same(a, b):
    while a and b:
        if a.val != b.val:
            return False
        a, b = a.next, b.next
    return a is None and b is None
"""
ANY = "class Any:\n    def __eq__(self, o): return True\n    def __ne__(self, o): return False\n    def __bool__(self): return False\n"
NODE_CHEATS = {
    "values that equal everything": ANY + "def f(n):\n    n.val = Any()\n    return n",
    "a class of its own": ANY + "class Node:\n    val = next = Any()\n    def __init__(self, *a): pass\ndef f(n): return Node()",
    "a property": ANY + "class Node:\n    def __init__(self, *a): pass\n    val = property(lambda self: Any())\ndef f(n): return Node()",
    "no node": "def f(n): return None",
    "falsy nodes": ANY + "def f(n):\n    n.val = 0\n    n.next = Any()\n    return n",
    "a node whose method says yes": "def f(n):\n    n.same = lambda other: True\n    return n",
    "a patched class": "Node.same = lambda *a: True\nNode.__eq__ = lambda *a: True\ndef f(n): return n",
    "a subclass": ANY + "class Sub(Node):\n    def __eq__(self, o): return True\n    def same(self, o): return True\ndef f(n): return Sub(Any())",
    "what a method gets": "def f(n):\n    class S(type(n)):\n        def __getattr__(self, name): return 42\n    s = S()\n    del s.val\n    return s",
    "something else": ANY + "def f(n): return Any()",
    "a circle": "def f(n):\n    n.next = n\n    return n",
}


@pytest.mark.parametrize("test", ["assert is_same(f(Node(1)), Node(42))", "assert f(Node(1)).same(Node(42))", "assert Node(42).same(f(Node(1)))"])
@pytest.mark.parametrize("name", NODE_CHEATS)
def test_a_node_that_cheats_is_wrong(name, test):
    result = scored(NODE_CHEATS[name], NODES + test)
    assert result.score == 0.0, result


CALLBACK_CHEATS = {
    "calls it when nobody waits": "import threading, time\ndef f(g):\n    threading.Thread(target=lambda: (time.sleep(0.1), g(0)), daemon=True).start()\n    return 0",
    "its own exception as the tests'": "class E(Exception): _of_the_tests = 0\ndef f(g):\n    raise E",
    "its globals": "def f(g): return getattr(g, '__globals__', {}).get('wanted', 0)",
    "its closure": "def f(g): return [c.cell_contents for c in g.__closure__ or ()]",
    "an object that equals everything": EVERYTHING.replace("(int)", "") + "def f(g): return g(Everything())",
    "an exit": "def f(g): raise SystemExit(0)",
}


@pytest.mark.parametrize("name", CALLBACK_CHEATS)
def test_a_program_that_is_handed_a_function_cannot_cheat_with_it(name):
    result = scored(CALLBACK_CHEATS[name], "wanted = 42\nassert f(lambda x: x) == wanted\nassert f(lambda x: [x]) == [wanted]")
    assert result.score == 0.0, result


def test_no_class_of_the_tests_that_tells_what_they_expect_is_in_a_programs_process():
    hidden = "9d1f7a3c55"
    tests = f"class Secret:\n    wanted = {hidden!r}\nclass Case:\n    def __init__(self, wanted={hidden!r}): self.wanted = wanted\nassert hunt(WORD) == 0 and Case"
    assert scored(HUNTER, tests.replace("WORD", repr(shifted(hidden)))).score == 1.0


def test_a_program_cannot_choose_to_have_no_score():
    tests = ["x = square(3)\nassert square(x) == 81", "for x in square(5):\n    assert x < 0", "def test_a():\n    assert sum([square(12)]) == 144"]
    for name, program in FUNCTIONS.items():
        for test in tests:
            assert scored(program, [test]).score == 0.0, name
