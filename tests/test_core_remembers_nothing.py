"""core and risk keep nothing from one run to the next: proof that the lint of it bites.

What it looks for stands in `tests/purity_memories.py` and `tests/purity_writes.py`; whether core
and risk pass it, in `tests/test_core_is_pure.py`.
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
    # by way of what walks it, or holds it
    "a = {1: []}\ndef f(b):\n    for i, c in enumerate(a.values()): c.append(b)",
    "a = {1: []}\ndef f(b):\n    for c in sorted(a.values()): c.append(b)",
    "a = {1: []}\ndef f(b):\n    for c, d in zip(a.values(), b): c.append(d)",
    "a = {1: []}\ndef f(b):\n    for c in zip(*a.values()): c[0].append(b)",
    "a = [[]]\ndef f(b):\n    for c in reversed(a): c.append(b)",
    "a = {1: []}\ndef f(b):\n    for c in list(a.values()): c.append(b)",
    "a = {1: []}\ndef f(b):\n    for c in filter(None, a.values()): c.append(b)",
    "a = {1: []}\ndef f(b):\n    for i, (c, d) in enumerate(sorted(a.items())): d.append(b)",
    "a = []\ng = []\ndef f(b):\n    for c in [a, g]: c.append(b)",
    "a = []\ndef f(b):\n    for c in {1: a}.values(): c.append(b)",
    "a = [[]]\ndef f(b):\n    for c in a + b: c.append(b)",
    "a = [[]]\ndef f(b):\n    for c in a[1:]: c.append(b)",
    "a = [[]]\ndef f(b):\n    for c in [d for d in a]: c.append(b)",
    "a = [[]]\ndef f(b): [c.append(b) for c in reversed(a)]",
    "a = {1: []}\ndef f(b):\n    c = list(a.values())\n    c[0].append(b)",
    "a = {1: []}\ndef f(b):\n    c = a.copy()\n    for d in c.values(): d.append(b)",
    "a = [[]]\ndef f(b):\n    c, *d = sorted(a)\n    c.append(b)",
    "a = [[]]\ndef f(b):\n    c, *d = sorted(a)\n    d[0].append(b)",
    "a = []\ndef f(b):\n    [c, d] = [a, b]\n    c.append(d)",
    "a = []\ndef f(b): dict(c=a)['c'].append(b)",
    "a = {1: []}\ndef f(b): {**a}[1].append(b)",
    "a = {1: []}\ndef f(b): next(iter(a.values())).append(b)",
    "a = [[]]\ndef f(b): max(a, key=len).append(b)",
    "a = []\ndef f(b): b.get(1, a).append(b)",
    # in place, and by a method that is taken
    "a = []\ndef f(b):\n    c = a\n    c += b",
    "a = {}\ndef f(b):\n    c = a\n    c |= b",
    "a = [1]\ndef f(b):\n    c = a\n    c *= 2",
    "a = {1}\ndef f(b): a.difference_update(b)",
    "a = []\ndef f(b):\n    add = a.append\n    add(b)",
    "a = []\ndef f(b): any(map(a.append, b))",
    "a = []\ndef f(b): return a.append",
    # by a pattern
    "a = {1: []}\ndef f(b):\n    match a:\n        case {1: c}: c.append(b)",
    "a = [[]]\ndef f(b):\n    match a:\n        case [c, *_]: c.append(b)",
    "a = [[]]\ndef f(b):\n    match a:\n        case [*c]: c[0].append(b)",
    "a = {1: []}\ndef f(b):\n    match a:\n        case {2: _, **c}: c[1].append(b)",
    "a = []\ndef f(b):\n    match b, a:\n        case 1, c: c.append(b)",
    "a = []\ndef f(b):\n    match a:\n        case [] | [1] as c: c.append(b)",
    "a = [[]]\ndef f(b):\n    match a:\n        case [1, c] | [c]: c.append(b)",
    "from core.books import ONE\ndef f(b):\n    match ONE:\n        case A(c=c): c.append(b)",
    "a = [[]]\ndef f(b):\n    c, d = [*a, *b]\n    d.append(b)",
    "a = []\ndef f(b):\n    c, *d = b, a\n    d[0].append(b)",
    # defaults
    "f = lambda b, a=[]: a.append(b)",
    "f = {1: lambda b, *, a={}: a.update(b)}",
    "def f(b, a=[]): a.append(b)",
    "def f(g=lambda b, a=[]: a.append(b)): pass",
    "a = []\ndef f(b, c=a): c.append(b)",
    "a = []\ndef f(b, *, c=a): c.append(b)",
    "a = []\ndef f(b):\n    g = lambda d, c=a: c.append(d)\n    g(b)",
    "a = []\ndef f(b, a=a): a.append(b)",
    # a name that is bound elsewhere
    "a = []\ndef f(b):\n    [a for a in b]\n    a.append(b)",
    "a = []\ndef f(b):\n    {a: c for a, c in b}\n    a.append(b)",
    "a = [[]]\ndef f(b): [a.append(b) for a in a]",
    "a = []\ndef f(b):\n    def g(a): return a\n    a.append(b)",
    "a = []\ndef f(b):\n    def g():\n        a = 1\n    a.append(b)",
    "a = []\ndef f(b):\n    sorted(b, key=lambda a: a)\n    a.append(b)",
    "a = []\ndef f(b):\n    class C:\n        a = 1\n        def g(self): a.append(b)",
    "a = []\ndef f(b):\n    [c := a for d in b]\n    c.append(b)",
    "a = []\ndef f(b):\n    c = b\n    def g():\n        nonlocal c; c = a\n    c.append(b)",
    "list = []\ndef f(b): list.append(b)",
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
    # of one name, in a scope of its own
    "a = []\ndef f(b):\n    a = []\n    a.append(b)",
    "a = []\ndef f(b):\n    def g(a): a.append(b)",
    "a = []\ndef f(b):\n    a = []\n    def g(): a.append(b)",
    "a = []\ndef f(b): [a.append(1) for a in b]",
    "a = []\nf = lambda a: a.append(1)",
    "a = [[]]\ndef f(b): [c.append(1) for a in b for c in a]",
    "a = []\ndef f(b):\n    [(a := []) for c in b]\n    a.append(b)",
    "a = []\ndef f(b):\n    match b:\n        case {1: a}: a.append(b)",
    # what a function makes of a table
    "a = []\ndef f(b):\n    c = len(a)\n    c += 1",
    "a = []\ndef f(b):\n    for c in range(len(a)): c += b",
    "a = {1: 2}\ndef f(b):\n    c = a[1]\n    c += 1",
    "a = 60\ng = 24 * a\ndef f(b):\n    c = g\n    c -= b",
    "a = []\ndef f(b):\n    c = list(a)\n    c.append(b)",
    "a = []\ndef f(b):\n    c = a[:]\n    c.append(b)",
    "a = []\ndef f(b):\n    c = a + b\n    c += b",
    "a = {}\ndef f(b):\n    c = {**a, 1: 2}\n    c[2] = b",
    "a = []\ndef f(b):\n    c, *d = a\n    d.append(b)",
    "a = []\ndef f(b):\n    c, d = a, []\n    d.append(b)",
    "a = {}\ndef f(b):\n    match a:\n        case {1: 2, **c}: c.update(b)",
    "a = {}\ndef f(b):\n    match a, b:\n        case {}, [c]: c.append(1)",
    "a = (1, 2)\ndef f(b):\n    c = dict.fromkeys(a, 0)\n    c[1] += b",
    "def g(b): pass\ndef f(b):\n    for c in sorted(b, key=g): c.d = 1",
    # what is only read
    "a = (1, 2)\ndef f(b): return [c + d for c in a for d in b]",
    "a = {1: 2}\ndef f(b):\n    for c, d in sorted(a.items()): b[c] = d",
    "a = {1: 2}\ndef f(b):\n    get = a.get\n    return get(b)",
    "a = {1: 2}\ndef f(b, c=a): return c[b]",
    "a = int\ndef f(b):\n    for c in map(a, b): c.d = 1",
    "import numpy as np\ndef f(b): return np.add.reduceat(b, [0])",
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


def test_a_number_of_another_file_is_taken_for_a_table() -> None:
    """A limitation on the safe side: what `c += b` does to it, its own file would say."""
    assert violations("from core.a import A\ndef f(b):\n    c = A\n    c += b")
    assert violations("from core.a import A\ndef f(b):\n    c = A\n    c = c + b") == []


# Limitations, as `docs/not_proven.md` names them.
UNSEEN = [
    # handed on as an argument
    "a = {}\ndef f(b): b[1] = 2\ndef g(): f(a)",
    "a = [[]]\ndef f(b): any(map(lambda c: c.append(b), a))",
    # given back
    "a = []\ndef f(): return a\ndef g(b): f().append(b)",
    "a = []\ndef f(b):\n    g = lambda: a\n    g().append(b)",
    # kept in an object, or put into what the function made
    "a = {}\nclass A:\n    def __init__(self): self.b = a",
    "a = []\ndef f(b): C(a).d.append(b)",
    "a = []\ndef f(b):\n    c = []\n    c.append(a)\n    c[0].append(b)",
    "a = []\ndef f(b):\n    c = {}\n    c[1] = a\n    c[1].append(b)",
    "a = [[]]\ndef f(b):\n    c = list(a)\n    c[0] += b",
    # by a function that has another name
    "from heapq import heappush as push\na = []\ndef f(b): push(a, b)",
    "a = []\ndef f(b):\n    add = list.append\n    add(a, b)",
    "a = []\ndef f(b): getattr(a, 'append')(b)",
    "a = {1: []}\ndef f(b):\n    get = a.get\n    get(1).append(b)",
]


@pytest.mark.parametrize("source", UNSEEN)
def test_what_is_handed_on_is_not_followed(source: str) -> None:
    assert violations(source) == []
