"""core and risk are exact and deterministic: a lint over their syntax, and proof that it bites.

What the lint looks for stands in `tests/purity.py`; `tests/test_planted_hazards.py` plants each
hazard into a copy of core.
"""

from pathlib import Path

import pytest

from tests.purity import CACHED, ROOT, RULES, classes_in, rules_of, violations
from tests.purity_memories import REASONS

SOURCES = sorted(path for name in ("core", "risk") for path in (ROOT / name).rglob("*.py"))
CLASSES = frozenset(name for path in SOURCES for name in classes_in(path))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_core_and_risk_are_pure(path: Path) -> None:
    """No float, no true division, no hash order in what decides, and nothing from outside."""
    assert violations(path.read_text(), rules_of(path), CLASSES) == []


def test_each_exception_is_a_file_that_is_there() -> None:
    assert [name for name in (*RULES, *CACHED) if not (ROOT / name).exists()] == []


PLANTED = [
    "for a in {1, 2}: pass",
    "for a in set(b): pass",
    "for a in frozenset(b) | c: pass",
    "[a for a in {b for b in c}]",
    "a = list({1, 2})",
    "a = [*set(b)]",
    "a, b = {1, 2}",
    "a = ','.join(set(b))",
    "a = dict.fromkeys({1, 2})",
    "open_ids = set()\nfor a in open_ids: pass",
    "def f(ids: frozenset[int]):\n    return tuple(ids)",
    "class A:\n    ids: set[str]\ndef f(a):\n    return [b for b in a.ids]",
    "for a in b.union(c): pass",
    "ids = {1, 2}\na = ids.pop()",
    "a = hash(b)",
    "a = id(b)",
    "a = 0.5",
    "a = 1e9",
    "a = 2j",
    "def f(a: float): pass",
    "def f(a: 'float | None'): pass",
    "def f() -> list[float]: pass",
    "def f(a: 'list[float]', b: Literal['']): pass",
    "a: dict[Literal['', 'b'], float]",
    "a: float",
    "a = float(b)",
    "a = b / c",
    "a /= 2",
    "a = sorted(b, key=id)",
    "a = list(map(hash, b))",
    "a = list(map(float, b))",
    "import time",
    "from os import environ",
    "def f():\n    import random",
    "a = __import__('time')",
    "class A:\n    def __del__(self): pass",
    "async def f(): pass",
    "def f():\n    global a",
    "a: dict[object, int] = {}",
    "class A: pass\na: dict[A, int] = {}",
    "class A: pass\na: dict[tuple[str, A], int] = {}",
    "class A:\n    ids: frozenset[str]",
    "def known() -> set[str]: pass",
    "def _known() -> set[str]: pass\nfor a in _known(): pass",
    "a = object()",
    "a = getcontext().prec",
    "a = np.argsort(b)",
    "a = b.argsort(kind='quicksort')",
    "a = np.random.default_rng(b)",
    # a set under another name, within something, or handed to whoever walks it
    "s = set\na = [b for b in s(c)]",
    "from typing import AbstractSet as S",
    "a = sorted(b, key=set)",
    "a, b = set(c), 1",
    "a = {1: set(b)}",
    "a = [set(b)]",
    "for a in [set(b)]: pass",
    "a = (b := set(c))",
    "a = lambda b=frozenset('c'): b",
    "for a in (set(b) if b else ()): pass",
    "for a in (set(b) or ()): pass",
    "a = set(b)\nc = a\nfor d in c: pass",
    "for a in {}.keys() - b: pass",
    "a = list(b.items() & c)",
    "a = b | {1}\nfor c in a: pass",
    "a = max({1, 2}, key=b)",
    "a = sorted({1, 2}, key=len)",
    "a = sum({1, 2})",
    "a = deque({1, 2})",
    "a = functools.reduce(b, {1, 2})",
    "a = itertools.chain({1}, {2})",
    "a = Counter({1, 2}).most_common(1)",
    "a = []\na += {1, 2}",
    "a[:] = {1, 2}",
    "a = str({1, 2})",
    "a = f'{ {1, 2} }'",
    "a = '%s' % {1}",
    "a = msgspec.json.encode({1, 2})",
    "a = {1}.__iter__()",
    "KNOWN = frozenset(('a', 'b'))",
    "def f(a: collections.abc.Set[int]):\n    return list(a)",
    "def f(a: 'set[int] | None'):\n    return list(a)",
    "def _f(): return {1, 2}",
    # a float that no literal shows
    "F = float\na = F('1')",
    "a = float.fromhex('0x1p-1')",
    "a = 2 ** -1",
    "a = pow(2, b)",
    "a = b.__truediv__(2)",
    "a = Decimal.from_float(b)",
    "a = array('d', [1])",
    "a = array.array('f')",
    "a = f'{b:.2f}'",
    "a = '%.2f' % b",
    "a = format(b, '.3e')",
    "a = msgspec.json.decode(b)",
    "a = msgspec.json.decode(b, type=dict)",
    "a = msgspec.json.decode(b, type=dict[str, object])",
    "a = msgspec.json.decode(b, type=list | None)",
    "a = msgspec.json.Decoder()",
    "a = msgspec.json.Decoder(dict)",
    "from msgspec.json import decode\na = decode(b)",
    # objects as keys, and doors at the back
    "class A: pass\na = {A(): 1}",
    "class A: pass\na = {}\na[A()] = 1",
    "a: 'dict[object, int]' = {}",
    "a: Dict[object, int] = {}",
    "a: dict[Callable[[], int], int] = {}",
    "K = object\na: dict[K, int] = {}",
    "a = typing.sys.modules['time']",
    "a = collections._sys",
    "a = f.__globals__['b']",
    "a = getattr(__builtins__, 'open')",
]


@pytest.mark.parametrize("source", PLANTED)
def test_the_lint_bites(source: str) -> None:
    """Each planted violation is caught for what it is, not for what it leaves behind."""
    assert but_memories(source)


def but_memories(source: str) -> list[str]:
    """What the lint says, but of what lasts (`tests/test_core_remembers_nothing.py`)."""
    return [each for each in violations(source) if not each.endswith(REASONS)]


INNOCENT = [
    "a: Literal['', 'float', 'not an expression']",
    "for a in sorted({3, 1}): pass",
    "a = b in {1, 2}",
    "a = len(set(b))",
    "ids = dict.fromkeys(b)\nfor a in ids: pass",
    "a = 10**9 // 2",
    "a = [1]\nb = a.pop()",
    "def f(a: int) -> int: return a % 7",
    "def f(a): return not isinstance(a, float)",
    "a = b.id",
    "class A(NamedTuple): b: str\na: dict[A, int] = {}",
    "from hashlib import sha256",
    "def _known() -> set[str]: pass\na = b in _known()",
    "a = np.argsort(b, kind='stable')",
    "_ids = set(a)\n_ids |= {1}\n_ids.add(2)\na = max(_ids) if _ids else 0",
    "a = [b for b in c if set(b) & {1}]",
    "def f(ids: set[int]): return 1 in ids\ndef g(ids: list[int]): return [a for a in ids]",
    "def _f(a) -> set[int]:\n    found = set[int]()\n    found.update(a)\n    return found",
    "a = {1: 2}\nfor b in a.keys(): pass",
    "a = f'{Decimal(b):f}'",
    "a = msgspec.json.decode(b, type=int)",
    "a = msgspec.json.decode(b, type=tuple[str, dict[str, int]])",
    "a = msgspec.json.Decoder(float_hook=Decimal)",
    "array('q')",
]


@pytest.mark.parametrize("source", INNOCENT)
def test_the_lint_leaves_the_innocent_alone(source: str) -> None:
    """Order-free uses of sets, whole-number arithmetic and refusing a float are all pure."""
    assert but_memories(source) == []


def test_objects_of_another_file_are_no_keys_either() -> None:
    source = "from core.state import Account\na: dict[Account, int] = {}"
    assert violations(source, classes=CLASSES)


def test_the_lint_does_not_follow_names_across_files() -> None:
    """A limitation: a set that another file made looks like any other name; but no attribute and
    no public function of core gives one."""
    assert violations("from core.a import ids\nfor a in ids: pass") == []
