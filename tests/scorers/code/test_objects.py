"""Tests that hand objects to a program, and take objects from it: nodes, functions, iterators, coroutines, exceptions, library values."""

import pytest

from rl_rewards.scorers.code.python_tests import PythonTests
from rl_rewards.types import Outcome, Sample


def score(program, tests, **options):
    [result] = PythonTests("tests", timeout=20, **options).score([Sample("", program, program, {"tests": tests})], [program])
    return result


NODES = """
class ListNode:
    def __init__(self, val=0, next=None):
        self.val = val
        self.next = next
def build(values):
    head = None
    for value in reversed(values):
        head = ListNode(value, head)
    return head
def values(node):
    found = []
    while node:
        found.append(node.val)
        node = node.next
    return found
"""
REVERSE = """
def reverse(head: "ListNode"):
    before = None
    while head:
        head.next, before, head = before, head, head.next
    return before
"""
TREE = """
class TreeNode:
    def __init__(self, val=0, left=None, right=None):
        self.val, self.left, self.right = val, left, right
"""
OBJECTS = {
    # program, tests: right as they are
    "nodes of a class of the tests": (REVERSE, NODES + "assert values(reverse(build([1, 2, 3]))) == [3, 2, 1]"),
    "nodes that the program has to know before it defines": (
        "def total(node: ListNode) -> int:\n    return node.val + (total(node.next) if node.next else 0)", NODES + "assert total(build([1, 2])) == 3",
    ),
    "nodes that the program makes itself": ("def one(x): return ListNode(x)", NODES + "assert values(one(5)) == [5] and isinstance(one(5), ListNode)"),
    "nodes of a class that the program defines as well": (NODES.split("def build")[0] + REVERSE, NODES + "assert values(reverse(build([1, 2]))) == [2, 1]"),
    "nodes changed in place": (REVERSE, NODES + "head = build([1, 2])\nlast = reverse(head)\nassert head.next is None and last.next is head"),
    "a circle of nodes": (
        "def has_cycle(head):\n    seen = set()\n    while head and id(head) not in seen:\n        seen.add(id(head))\n        head = head.next\n"
        "    return head is not None",
        NODES + "head = build([1, 2])\nhead.next.next = head\nassert has_cycle(head) and not has_cycle(build([1, 2]))",
    ),
    "a list of twenty thousand nodes": (REVERSE, NODES + "assert values(reverse(build(list(range(20000)))))[0] == 19999"),
    "a tree": ("def depth(n): return 1 + max(depth(n.left), depth(n.right)) if n else 0", TREE + "assert depth(TreeNode(1, TreeNode(2))) == 2"),
    "a dataclass": (
        "def move(p): p.x += 1; return p",
        "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\n    y: int = 0\np = P(1)\nassert move(p) == P(2) and p.x == 2",
    ),
    "slots": ("def move(p): p.x += 1", "class P:\n    __slots__ = ('x',)\n    def __init__(self, x): self.x = x\np = P(1)\nmove(p)\nassert p.x == 2"),
    "an Enum": ("def name(c): return c.name", "from enum import Enum\nclass C(Enum):\n    RED = 1\n    BLUE = 2\nassert name(C.BLUE) == 'BLUE'"),
    "a namedtuple": ("def sum_(p): return p.x + p[1]", "from typing import NamedTuple\nclass P(NamedTuple):\n    x: int\n    y: int\nassert sum_(P(1, 2)) == 3"),
    "several lists of nodes": ("def heads(lists): return [l.val for l in lists]", NODES + "assert heads([build([1, 2]), build([3])]) == [1, 3]"),
    # functions, iterators, coroutines
    "a lambda": ("def apply(f, x): return f(x)", "assert apply(lambda x: x * 3, 2) == 6"),
    "a function that calls back": ("def twice(f, x): return f(f(x))", "def plus(x): return x + 1\nassert twice(plus, 1) == 3"),
    "a key function": ("def by(items, key): return sorted(items, key=key)", "assert by(['aa', 'b'], key=len) == ['b', 'aa']\nassert by([1, 2], key=lambda x: -x) == [2, 1]"),
    "a method of a list": ("def each(items, do):\n    for item in items: do(item)", "seen = []\neach([1, 2], seen.append)\nassert seen == [1, 2]"),
    "an API of the task": ("def first_bad(n, is_bad):\n    return next(x for x in range(n) if is_bad(x))", "assert first_bad(9, lambda x: x >= 4) == 4"),
    "a function from a function": ("def adder(n): return lambda x: x + n", "assert adder(2)(3) == 5"),
    "a decorator": (
        "import functools\ndef twice(f):\n    @functools.wraps(f)\n    def g(x): return 2 * f(x)\n    return g",
        "@twice\ndef one(x): return x + 1\nassert one(1) == 4 and one.__name__ == 'one'",
    ),
    "an exception of the tests' own function": (
        "def retry(f):\n    try: return f()\n    except ValueError: return 'caught'", "def fail(): raise ValueError\nassert retry(fail) == 'caught'",
    ),
    "next of a generator": ("def count():\n    n = 0\n    while True:\n        yield n\n        n += 1", "c = count()\nassert next(c) == 0 and next(c) == 1"),
    "a generator without end": (
        "def count():\n    n = 0\n    while True:\n        yield n\n        n += 1", "import itertools\nassert list(itertools.islice(count(), 3)) == [0, 1, 2]",
    ),
    "a generator to its end": ("def gen(n): yield from range(n)", "assert list(gen(3)) == [0, 1, 2] and sum(gen(3)) == 3 and [*gen(0)] == []"),
    "an iterator of the tests": ("def total(items): return sum(items)", "assert total(x for x in (1, 2)) == 3 and total(iter([1])) == 1"),
    "a coroutine": ("async def f(x): return x + 1", "import asyncio\nassert asyncio.run(f(1)) == 2"),
    "coroutines that wait for one another": (
        "import asyncio\nevent = None\nasync def one():\n    global event\n    event = asyncio.Event()\n    await event.wait()\n    return 1\n"
        "async def two():\n    while event is None: await asyncio.sleep(0)\n    event.set()\n    return 2",
        "import asyncio\nasync def main(): return await asyncio.gather(one(), two())\nassert asyncio.run(main()) == [1, 2]",
    ),
    "an async generator": (
        "async def gen():\n    for x in range(3): yield x", "import asyncio\nasync def main(): return [x async for x in gen()]\nassert asyncio.run(main()) == [0, 1, 2]",
    ),
    "a context manager": (
        "import contextlib\nlog = []\n@contextlib.contextmanager\ndef entered(x):\n    log.append(x)\n    yield x\n    log.append(0)\ndef seen(): return log",
        "with entered(5) as x:\n    assert x == 5\nassert seen() == [5, 0]",
    ),
    # objects of the program's
    "a class of the program's": (
        "class Stack:\n    def __init__(self): self.items = []\n    def push(self, x): self.items.append(x)\n    def __contains__(self, x): return x in self.items",
        "s = Stack()\ns.push(1)\nassert 1 in s and 2 not in s and s.items == [1]",
    ),
    "an attribute set by the tests": ("class P: pass\ndef x_of(p): return p.x", "p = P()\np.x = 3\nassert x_of(p) == 3 and p.x == 3"),
    "operators": (
        "class V:\n    def __init__(self, x): self.x = x\n    def __add__(self, o): return V(self.x + o.x)\n    def __mul__(self, n): return V(self.x * n)\n"
        "    def __eq__(self, o): return isinstance(o, V) and self.x == o.x\n    def __lt__(self, o): return self.x < o.x\n    def __abs__(self): return abs(self.x)\n"
        "    def __hash__(self): return hash(self.x)",
        "assert V(1) + V(2) == V(3) and V(2) * 3 == V(6) and V(1) < V(2) and abs(V(-2)) == 2 and len({V(1), V(1)}) == 1 and max(V(1), V(3)) == V(3)",
    ),
    "identity": ("class S:\n    one = None\n    def __new__(cls):\n        cls.one = cls.one or super().__new__(cls)\n        return cls.one", "assert S() is S()"),
    "isinstance": ("class A: pass\nclass B(A): pass", "assert isinstance(B(), A) and not isinstance(A(), B) and issubclass(B, A)"),
    "truth and length": ("class Bag(object):\n    def __init__(self, n): self.n = n\n    def __len__(self): return self.n", "assert not Bag(0) and Bag(1) and len(Bag(3)) == 3"),
    "items": ("class T:\n    def __init__(self): self.d = {}\n    def __getitem__(self, k): return self.d[k]\n    def __setitem__(self, k, v): self.d[k] = v", "t = T()\nt['a'] = 1\nassert t['a'] == 1"),
    "a namedtuple of the program's": ("from collections import namedtuple\nP = namedtuple('P', 'x y')\ndef f(): return P(1, 2)", "assert f() == (1, 2) and f().x == 1"),
    "a member of an IntEnum": ("import enum\nclass C(enum.IntEnum):\n    A = 1\ndef f(): return C.A", "assert f() == 1 and f().name == 'A'"),
    "arguments changed in place": ("def sort(items): items.sort()", "x = [3, 1]\nsort(x)\nassert x == [1, 3]\nm = [[1, 2]]\nrow = m[0]\n" "assert x == [1, 3]"),
    "a matrix changed in place": ("def rotate(m): m[:] = [list(r) for r in zip(*m[::-1])]", "m = [[1, 2], [3, 4]]\nassert rotate(m) is None\nassert m == [[3, 1], [4, 2]]"),
    "a dict, by keyword, changed in place": ("def put(d, k): d[k] = 1", "d = {}\nput(d=d, k='a')\nassert d == {'a': 1}"),
    # exceptions of the program's own class
    "an exception of the program's": ("class E(Exception): pass\ndef f(): raise E('no')", "try:\n    f()\n    assert False\nexcept E as error:\n    assert str(error) == 'no'"),
    "raises with it": ("class E(ValueError):\n    def __init__(self, code): self.code = code\ndef f(): raise E(7)", "import pytest\nwith pytest.raises(E) as info:\n    f()\nassert info.value.code == 7"),
    "an exception caught by its base": ("class A(Exception): pass\nclass B(A): pass\ndef f(): raise B", "import pytest\nwith pytest.raises(A):\n    f()\nwith pytest.raises(Exception):\n    f()"),
    "the arguments of an exception": ("def f(): raise KeyError('x')", "try:\n    f()\n    assert False\nexcept KeyError as error:\n    assert error.args == ('x',) and str(error) == \"'x'\""),
    "assertRaises": ("class E(Exception): pass\ndef f(): raise E", "import unittest\nclass T(unittest.TestCase):\n    def test_a(self):\n        with self.assertRaises(E):\n            f()"),
    # classes of libraries
    "json's exception": ("import json\ndef f(s): return json.loads(s)", "import json\ntry:\n    f('{')\n    assert False\nexcept json.JSONDecodeError as error:\n    assert error.pos == 1 and 'Expecting' in str(error)"),
    "json's exception by its base": ("import json\ndef f(s): return json.loads(s)", "import pytest\nwith pytest.raises(ValueError, match='Expecting'):\n    f('{')"),
    "json's exception by the program's import": ("from json import JSONDecodeError, loads as f", "import pytest\nwith pytest.raises(JSONDecodeError):\n    f('{')"),
    "statistics' exception": ("import statistics\ndef f(x): return statistics.mean(x)", "import pytest, statistics\nwith pytest.raises(statistics.StatisticsError):\n    f([])"),
    "an exception that is made of what its args do not tell": ("import re\ndef f(x): re.compile(x)", "import pytest, re\nwith pytest.raises(re.error) as info:\n    f('(')\nassert info.value.pos == 0"),
    "a class of the program's of a library's exception": ("import queue\nclass E(queue.Empty): pass\ndef f(): raise E(1)", "import pytest, queue\nwith pytest.raises(queue.Empty):\n    f()\nwith pytest.raises(E):\n    f()"),
    "a frozen dataclass": ("from dataclasses import dataclass\n@dataclass(frozen=True)\nclass P:\n    x: int", "import dataclasses, pytest\np = P(1)\nwith pytest.raises(dataclasses.FrozenInstanceError):\n    p.x = 3"),
    "an OSError": ("def f(): open('/nothing/x')", "import pytest\nwith pytest.raises(FileNotFoundError) as info:\n    f()\nassert info.value.errno == 2"),
    "a generator's type": ("def f(): yield 1", "import inspect, types\nfrom collections.abc import Generator\nassert isinstance(f(), types.GeneratorType) and inspect.isgenerator(f()) and isinstance(f(), Generator)"),
    "an object of a library's": ("import threading\ndef f(): return threading.Thread(target=print)", "import threading\nassert isinstance(f(), threading.Thread) and not f().is_alive()"),
    "an object of the program's is of no other class": ("class A: pass\ndef f(): return A()", "import threading\nassert not isinstance(f(), (int, str, list, dict, Exception, threading.Thread))"),
    "types": ("def f(x): return {'of': type(x), 'all': [str, type(None)]}", "assert f(1) == {'of': int, 'all': [str, type(None)]} and f([])['of'] is list and f(1)['all'][0](5) == '5'"),
    "a class of the program's with a type's name": ("class str: pass\ndef f(): return str", "assert f() != int and repr(f()) != repr(type(''))"),
    "a submodule that the program's imports have loaded": ("from urllib.parse import quote\ndef f(s): return quote(s)", "import urllib\nassert f('a b') == urllib.parse.quote('a b')"),
    "datetime by the program's import of the class": ("from datetime import datetime\ndef f(): return datetime(2024, 1, 2)", "assert f() == datetime.strptime('2024-01-02', '%Y-%m-%d')"),
    "datetime by the program's import of the module": ("import datetime\ndef f(): return datetime.datetime(2024, 1, 2)", "assert f() == datetime.datetime(2024, 1, 2) and f().date() == datetime.date(2024, 1, 2)"),
    # values of libraries
    "a deque": ("from collections import deque\ndef f(d): d.append(3); return deque(d, 2)", "from collections import deque\nd = deque([1, 2])\nassert f(d) == deque([2, 3]) and len(d) == 3"),
    "a Counter": ("from collections import Counter\ndef f(s): return Counter(s)", "assert f('aab').most_common(1) == [('a', 2)]"),
    "dates": ("from datetime import timedelta\ndef f(d): return d + timedelta(days=1)", "from datetime import date, datetime\nassert f(date(2024, 2, 28)) == date(2024, 2, 29)\nassert f(datetime(2024, 1, 1, 5)).hour == 5"),
    "Decimal and Fraction": ("def f(x): return x * 2", "from decimal import Decimal\nfrom fractions import Fraction\nassert f(Decimal('0.1')) == Decimal('0.2') and f(Fraction(1, 3)) == Fraction(2, 3)"),
    "a path": ("def f(p): return p.name", "from pathlib import PurePosixPath\nassert f(PurePosixPath('/a/b')) == 'b'"),
    "a range": ("def f(r): return sum(r)", "assert f(range(4)) == 6"),
    "a type": ("def f(t): return t('5')", "assert f(int) == 5 and f(str) == '5'"),
    "deep lists": ("def f(n):\n    x = []\n    for _ in range(n): x = [x]\n    return x", "x = f(900)\nn = 0\nwhile x:\n    x = x[0]\n    n += 1\nassert n == 900"),
}  # fmt: skip


@pytest.mark.parametrize("name", OBJECTS)
def test_objects_pass_between_tests_and_program(name):
    program, tests = OBJECTS[name]
    result = score(program, tests)
    assert (result.score, result.outcome) == (1.0, Outcome.SCORED), result


ORDER = """
class Order:
    def __init__(self, menu=None):
        self.menu = [] if menu is None else menu
        self.rows = [[0, 0], [0, 0]]
        self.seen = {}
    def add(self, x): self.menu.append(x)
    def get(self): return self.menu
    def copy(self): return list(self.menu)
    def total(self): return sum(self.menu)
CACHE = {}
def cached(x):
    CACHE.setdefault(x, x * x)
    return CACHE[x]
"""
HELD = {
    # tests that Python passes where program and tests share a process
    "a list of an object's, changed by tests": "o = Order()\no.menu.append(3)\nassert o.total() == 3\no.menu.clear()\nassert o.total() == 0",
    "a dict": "o = Order()\no.seen['a'] = {'b': 1}\no.seen['a']['c'] = 2\nassert o.seen == {'a': {'b': 1, 'c': 2}} and o.total() == 0 and 'a' in o.seen",
    "a list in a list": "o = Order()\no.rows[0][1] = 5\nassert o.rows == [[0, 5], [0, 0]]",
    "a part of it": "o = Order()\no.seen['x'] = {'g': 1}\npart = o.seen['x']\npart['g'] = 2\nassert o.seen == {'x': {'g': 2}}",
    "what the program changes later": "o = Order()\nmenu = o.menu\no.add(4)\nassert menu == [4] and menu is o.menu and menu is o.get()",
    "what a method returns": "o = Order()\no.get().append(2)\no.get().append(1)\no.get().sort()\nassert o.menu == [1, 2]",
    "a copy that a method returns": "o = Order()\no.add(2)\nmade = o.copy()\nmade.append(1)\nassert o.total() == 2 and made == [2, 1] and o.copy() is not made",
    "an argument that is kept": "x = [1]\no = Order(x)\no.add(2)\nassert x == [1, 2]\nx.append(3)\nassert o.total() == 6",
    "an argument that is kept, by keyword": "x = [1]\no = Order(menu=x)\no.add(2)\nassert x == [1, 2]\nx.append(3)\nassert o.total() == 6",
    "an attribute that is set": "def test_a():\n    o = Order()\n    x = [1]\n    o.menu = x\n    o.add(2)\n    assert x == [1, 2] and o.total() == 3",
    "a variable of the program's": "cached(3)\nassert CACHE == {3: 9}\nCACHE[3] = 10\nassert cached(3) == 10\nCACHE.clear()\nassert cached(3) == 9",
    "objects in it": "o = Order()\np = Order()\no.menu.append(p)\nassert o.menu[0] is p and p in o.menu and o.total is not None",
    "a function of the tests' in it": "o = Order()\no.seen['f'] = lambda x: x + 1\no.add(1)\nassert o.total() == 1 and o.seen['f'](1) == 2",
    "one handed back": "o = Order()\no.add(1)\np = Order(o.menu)\np.add(5)\nassert o.total() == 6 and p.menu is o.menu",
    "forty of them": "every = [Order([n]) for n in range(40)]\nfor o in every:\n    o.menu.append(1)\nassert [o.total() for o in every] == [n + 1 for n in range(40)]",
    "one that grows too large to be lent": "o = Order()\nmenu = o.menu\no.get().extend(range(20_000))\no.add(1)\nassert len(o.menu) == 20_001",
}  # fmt: skip


@pytest.mark.parametrize("name", HELD)
def test_what_a_program_goes_on_to_hold_is_the_tests_as_well(name):
    result = score(ORDER, HELD[name])
    assert (result.score, result.outcome) == (1.0, Outcome.SCORED), result


def test_a_program_that_hands_out_what_it_should_copy_is_wrong():
    tests = "o = Order()\no.add(1)\no.copy().append(9)\nassert o.copy() == [1]"
    assert score(ORDER, tests).score == 1.0
    assert score(ORDER.replace("return list(self.menu)", "return self.menu"), tests).score == 0.0


ARRAYS = [
    ("numpy", "import numpy as np\ndef f(a):\n    a += 1\n    return a.reshape(2, 2)", "import numpy as np\na = np.arange(4)\nb = f(a)\nassert b.shape == (2, 2) and isinstance(b, np.ndarray)\nassert a[0] == 1"),
    ("numpy", "import numpy as np\ndef f(): return np.float32(0.5), np.array(['a', 'b'])", "import numpy as np\nx, y = f()\nassert x.dtype == np.float32 and x == 0.5 and (y == np.array(['a', 'b'])).all()"),
    ("pandas", "import pandas as pd\ndef f(d): return d.groupby('a').sum()", "import pandas as pd\nd = pd.DataFrame({'a': ['x', 'x'], 'b': [1, 2]})\npd.testing.assert_frame_equal(f(d), d.groupby('a').sum())"),
    ("pandas", "import pandas as pd\ndef f(): return pd.Series([1.0, None], index=['a', 'b'], name='s')", "import pandas as pd\npd.testing.assert_series_equal(f(), pd.Series([1.0, None], index=['a', 'b'], name='s'))"),
]  # fmt: skip


@pytest.mark.parametrize(("library", "program", "tests"), ARRAYS)
def test_arrays_and_frames_pass_as_what_they_are(library, program, tests):
    pytest.importorskip(library)
    result = score(program, tests, memory_mb=1024)
    assert (result.score, result.outcome) == (1.0, Outcome.SCORED), result


SEEDS = [
    "import numpy as np\nnp.random.seed({})\na = f()\nnp.random.seed({})\nassert a == np.random.rand()".replace("{}", seed)
    for seed in ("1", "seed=1")
]


@pytest.mark.parametrize("tests", SEEDS, ids=["seed", "keyword"])
def test_a_seed_of_numpys_counts_for_the_program_even_before_it_has_loaded_numpy(tests):
    pytest.importorskip("numpy")
    assert score("def f():\n    import numpy\n    return numpy.random.rand()", tests, memory_mb=1024).score == 1.0


def test_of_sympy_numbers_pass_and_expressions_are_unsupported():
    pytest.importorskip("sympy")
    program = "import sympy\ndef f(): return sympy.Integer(18) / 4\ndef g(): return sympy.Symbol('x') + 1"
    assert score(program, "import sympy\nassert f() == sympy.Rational(9, 2) and f() * 2 == 9", memory_mb=1024).score == 1.0
    assert score(program, "assert f() == 4", memory_mb=1024).score == 0.0
    result = score(program, "import sympy\nassert g() == sympy.Symbol('x') + 1", memory_mb=1024)
    assert (result.score, result.outcome) == (None, Outcome.UNSUPPORTED), result


WRONG = {
    "the list as it was": ("def reverse(head): return head", OBJECTS["nodes of a class of the tests"][1]),
    "no list": ("def reverse(head): return None", OBJECTS["nodes of a class of the tests"][1]),
    "a lambda that is not called": ("def apply(f, x): return x", OBJECTS["a lambda"][1]),
    "another exception": ("class E(Exception): pass\ndef f(): raise ValueError('no')", OBJECTS["an exception of the program's"][1]),
    "no exception": ("class E(Exception): pass\ndef f(): pass", OBJECTS["an exception of the program's"][1]),
    "a generator that ends": ("def count(): yield 0", OBJECTS["next of a generator"][1]),
    "a SkipTest": (
        "import unittest\ndef f(): raise unittest.SkipTest",
        "import unittest\nclass T(unittest.TestCase):\n    def test_a(self):\n        self.assertEqual(f(), 1)",
    ),
    "a class that calls itself SkipTest": (
        "class SkipTest(Exception):\n    __module__ = 'unittest.case'\ndef f(): raise SkipTest",
        "import unittest\nclass T(unittest.TestCase):\n    def test_a(self):\n        self.assertEqual(f(), 1)",
    ),
    "a class that calls itself Decimal": (
        "import decimal\nclass Decimal:\n    __module__ = 'decimal'\n    def __eq__(self, other): return True\ndecimal.Decimal = Decimal\ndef f(): return Decimal()",
        "import decimal\nassert isinstance(f(), decimal.Decimal)",
    ),
    "another library's exception": ("import queue\ndef f(s): raise queue.Full", OBJECTS["json's exception"][1]),
    "not in place": ("def sort(items): return sorted(items)", OBJECTS["arguments changed in place"][1]),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_program_is_wrong_by_the_same_tests(name):
    result = score(*WRONG[name])
    assert result.score == 0.0, result
