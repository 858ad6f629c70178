"""core and risk keep nothing from one run to the next: proof that the lint of it bites.

What it looks for stands in `tests/purity_memories.py`; whether core and risk pass it, in
`tests/test_core_is_pure.py`.
"""

import ast

import pytest

from tests.purity import CACHED, ROOT, STRICT, violations
from tests.purity_memories import CACHES, REASONS

REMEMBERED = [
    "a = {}\ndef f(b): a[b] = 1",
    "a: dict[str, int] = {}\ndef f(b): a.setdefault(b, 1)",
    "a = []\ndef f(b): a.append(b)",
    "a = {}\ndef f(b): del a[b]",
    # what is made outside of functions
    "a = itertools.count(1)",
    "a = (b for b in range(9))",
    "a = (1, iter([2]))",
    "a = defaultdict(list)",
    "a = UserDict()",
    "a = deque()",
    "a = Counter()",
    "a = set()",
    "a = dict(b=1)",
    "a: list[int] = list()",
    "a = msgspec.json.Decoder(int).decode(b)",
    "class A: pass\na = A()",
    "class A: pass\na = {1: A()}",
    "if b:\n    a = itertools.count()",
    "for b in c:\n    a = itertools.count()",
    "class A:\n    b = itertools.count()",
    "class A:\n    b: dict[str, int] = {}",
    "class A(NamedTuple):\n    b: list[int] = []",
    "def f(a=[]): pass",
    "def f(*, a=deque()): pass",
    "class A:\n    def f(self, a={}): pass",
    # what functions write to
    "def f(): f.last = 1",
    "def f(): f.last += 1",
    "class A:\n    n = 0\n    def f(self): A.n += 1",
    "class A:\n    def f(self): type(self).n = 1",
    "class A:\n    def f(self): self.__class__.n = 1",
    "class A:\n    @classmethod\n    def f(cls): cls.n = 1",
    "def f(): setattr(f, 'last', 1)",
    "def f(): object.__setattr__(f, 'last', 1)",
    "a = dict.fromkeys(b)\ndef f(c): a[c] = 1",
    "a = {}\ndef f(b):\n    c = a\n    c[b] = 1",
    "a = {}\ndef f(b):\n    c = d = a\n    e, g = d, 1\n    e.update(b)",
    "a = {}\ndef f(b):\n    (c := a).clear()",
    "a = {}\ndef f(b):\n    (a if b else {})[b] = 1",
    "a = {}\ndef f(b):\n    (b or a).clear()",
    "a = {1: []}\ndef f(b): a[1].append(b)",
    "a = {1: []}\ndef f(b): a.get(1).append(b)",
    "a = {1: []}\ndef f(b):\n    for c in a.values(): c.append(b)",
    "a = {1: []}\ndef f(b): [c.append(b) for c in a.values()]",
    "a = []\ndef f(b):\n    c = a\n    c += [b]",
    "a = []\ndef f(b): list.append(a, b)",
    "a = []\ndef f(b): heapq.heappush(a, b)",
    "from heapq import heappush\na = []\ndef f(b): heappush(a, b)",
    "a = []\nf = lambda b: a.append(b)",
    "a = []\ndef f():\n    def g(b): a.append(b)\n    return g",
    "from core import books\ndef f(): books.TABLE['b'] = 1",
    "import core.books\ndef f(): core.books.TABLE['b'] = 1",
    "def f():\n    from core import books\n    books.TABLE['b'] = 1",
    "from core.books import TABLE\ndef f(): TABLE.pop('b')",
    "from core import books\ndef f(): books.LAST = 1",
    "a = {}\ndef f(b):\n    match b:\n        case 1: a[b] = 1",
    # caches
    "from functools import cache\n@cache\ndef f(a): pass",
    "from functools import lru_cache as kept\n@kept(maxsize=1)\ndef f(a): pass",
    "import functools\n@functools.cache\ndef f(a): pass",
    "from functools import cache\ng = f\ndef f(a): return cache(g)(a)",
    "from functools import cached_property\nclass A:\n    @cached_property\n    def f(self): pass",
]


@pytest.mark.parametrize("source", REMEMBERED)
def test_what_lasts_is_seen(source: str) -> None:
    found = violations(source)
    assert [each for each in found if each.endswith(REASONS)], found


FIXED = [
    "a = {}\ndef f(b): return a[b]",
    "def f(b):\n    a = {}\n    a[b] = 1",
    "def f(b): b.c = 1",
    "def f(b):\n    c = b.d\n    c[1] = 2",
    "def f(b):\n    c = deque()\n    c.append(b)",
    "a = {1: (2,)}\ndef f(b):\n    c = a[1]\n    return c[0]",
    "a = (1, 2)\ndef f(b):\n    for c in a:\n        b[c] = 1",
    "a = 1\ndef f(b):\n    c = a\n    c += b",
    "a = 1\ndef f(b): b.append(a)",
    "a = tuple(int(b) for b in range(9))",
    "a = re.compile('b')",
    "a = 'b c'.split()",
    "a = MappingProxyType({1: 2})",
    "class A(NamedTuple): b: int\na = {1: A(2)}",
    "class A(Struct, frozen=True): b: int = 1\nclass B(Struct):\n    a: A = A()",
    "class A(Struct):\n    b: dict[str, int] = {}\n    c: list[int] = field(default_factory=list)",
    "class A:\n    def __init__(self): self.b = {}",
    "class A:\n    n = 0\n    def f(self): self.n += 1",
    "def f(a=lambda b: deque(b)): pass",
    "def f(a):\n    def g(b=[]): pass",
    "def f(b):\n    match b:\n        case [c, *d]: d.append(c)",
    "def f(b):\n    type(b)",
]


@pytest.mark.parametrize("source", FIXED)
def test_what_is_fixed_or_dies_with_its_run_is_not(source: str) -> None:
    """Tables that are only read, and what a function made itself."""
    found = violations(source)
    assert [each for each in found if each.endswith(REASONS)] == []


def test_a_cache_that_is_named_may_be() -> None:
    source = "from functools import cache\n@cache\ndef f(a: str) -> str: return a"
    assert violations(source)
    assert violations(source, STRICT._replace(cached=frozenset({"f"}))) == []


def test_each_cache_that_is_named_is_one() -> None:
    for name, functions in CACHED.items():
        tree = ast.parse((ROOT / name).read_text())
        defs = [n for n in tree.body if isinstance(n, ast.FunctionDef)]
        above = {each.name: ast.unparse(ast.Tuple(each.decorator_list)) for each in defs}
        for function in functions:
            assert any(cache in above[function] for cache in CACHES), function


def test_a_table_that_is_handed_on_is_not_followed() -> None:
    """A limitation: whoever takes one as an argument, or keeps it in an object, may write to it."""
    assert violations("a = {}\ndef f(b): b[1] = 2\ndef g(): f(a)") == []
    assert violations("a = {}\nclass A:\n    def __init__(self): self.b = a") == []
