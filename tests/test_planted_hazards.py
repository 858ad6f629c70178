"""Each way in which core could differ from run to run is planted into a copy of it, and is caught.

Three guards stand: ruff's ban of modules, the lint over syntax (`tests/purity.py`), and the seal of
a run (`sim/seal.py`). The table says which of them sees what, and each must see all that it says.
"""

import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from sim.seal import Broken, seal
from tests.purity import ROOT, violations
from tests.purity_memories import REASONS

# The first line of `parse`, which every price and quantity goes through.
VICTIM = ROOT / "core" / "money.py"
FUNCTION = "def parse("
PLACE = "    # Nearly all that venues write is plain digits"

RUFF, LINT, SEAL = "ruff", "lint", "seal"
ALL = (RUFF, LINT, SEAL)
# What is planted, and who sees it. Lines stand in `parse(text, decimals)`, and run.
HAZARDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "a clock": ("import time; time.time()", ALL),
    "a clock in whole nanoseconds": ("from time import time_ns; time_ns()", ALL),
    "a monotonic clock": ("import time; time.monotonic_ns()", ALL),
    "a clock of the processor": ("import time; time.perf_counter()", ALL),
    "a nap": ("import time; time.sleep(0)", ALL),
    "the date": ("from datetime import UTC, datetime; datetime.now(UTC)", ALL),
    "the day": ("import datetime; datetime.date.today()", ALL),
    "dice": ("import random; random.random()", ALL),
    "dice of their own": ("import random; random.Random().random()", ALL),
    "a shuffle": ("import random; random.shuffle([1, 2])", ALL),
    "secrets": ("import secrets; secrets.token_hex()", ALL),
    "bytes of the machine": ("import os; os.urandom(8)", ALL),
    "a random name": ("import uuid; uuid.uuid4()", ALL),
    "a name of this machine": ("import uuid; uuid.uuid1()", ALL),
    "the environment": ("import os; os.environ['PATH']", ALL),
    "the environment, asked politely": ("import os; os.environ.get('TIEOUT')", ALL),
    "the environment, by a function": ("from os import getenv; getenv('TIEOUT')", ALL),
    "the number of the process": ("import os; os.getpid()", ALL),
    "a file": ("open('/dev/null')", (LINT, SEAL)),
    "a file, by its path": (
        "from pathlib import Path; Path('/dev/null').read_bytes()",
        (LINT, SEAL),
    ),
    "a folder": ("import os; os.listdir('/')", ALL),
    "a socket": ("import socket; socket.socket()", ALL),
    "another program": ("import subprocess; subprocess.run(['true'])", ALL),
    "a thread": ("import threading; threading.Thread(target=print).start()", ALL),
    "a pool": ("from concurrent.futures import ThreadPoolExecutor as P; P().submit(int)", ALL),
    "a loop of tasks": ("import asyncio; asyncio.Lock()", (RUFF, LINT)),
    "a database": ("import sqlite3; sqlite3.connect(':memory:')", (LINT, SEAL)),
    "a clock without its name": ("__import__('time').time()", (LINT, SEAL)),
    "a clock that is looked up": ("eval(\"__import__('time').time()\")", (LINT, SEAL)),
    "a clock of a library": ("import msgspec, sys; sys.modules['time'].time()", ALL),
    "dice of numpy": ("import numpy.random; numpy.random.default_rng().random()", ALL),
    "hash": ("hash(text)", (LINT, SEAL)),
    "hash as a key": ("sorted(['a', 'b'], key=hash)", (LINT, SEAL)),
    "hash by its method": ("text.__hash__()", (LINT,)),
    "an address": ("id(text)", (LINT, SEAL)),
    "an address as a key": ("sorted([[], []], key=id)", (LINT, SEAL)),
    "an address by way of a library": ("__import__('ctypes').py_object(text)", (LINT,)),
    "an object that is its address": ("repr(object())", (LINT,)),
    "a set that is walked": ("for each in {text, 'a'}: pass", (LINT,)),
    "a set that is listed": ("list(set(text))", (LINT,)),
    "a set that is joined": ("''.join(frozenset(text))", (LINT,)),
    "a set that is popped": ("seen = set(text); seen.pop() if seen else None", (LINT,)),
    "a set that is walked for effects": ("[each for each in {text} | {'a'}]", (LINT,)),
    "a set under another name": ("s = set; [each for each in s(text)]", (LINT,)),
    "a set within a list": ("for many in [set(text)]: [each for each in many]", (LINT,)),
    "a set by default": ("f = lambda xs=frozenset('ab'): [x for x in xs]; f()", (LINT,)),
    "a set that is put into words": ("str({text, 'a'})", (LINT,)),
    "the views of a dictionary": ("[x for x in {text: 1}.keys() | {'a': 1}.keys()]", (LINT,)),
    "a tie that a set decides": ("max(set(text), key=len)", (LINT,)),
    "a dictionary of objects": ("told: dict[object, int] = {}", (LINT,)),
    "a weak dictionary": ("from weakref import WeakValueDictionary as W; W()", (RUFF, LINT)),
    "a float": ("0.1 + 0.2", (LINT,)),
    "a sum of floats": ("sum(map(float, ['1', '2']))", (LINT,)),
    "a float that is handed on": ("list(map(float, ['1']))", (LINT,)),
    "a float that is said": ("half: float = decimals", (LINT,)),
    "a float under another name": ("F = float; F('1')", (LINT,)),
    "a negative power": ("10 ** -decimals", (LINT,)),
    "a float that is formatted": ("f'{decimals:.2f}'", (LINT,)),
    "a number that JSON reads": ("import msgspec; msgspec.json.decode(b'1.5')", (LINT,)),
    "true division": ("decimals / 2", (LINT,)),
    "the logarithm of the machine": ("import math; math.log(2)", (LINT,)),
    "statistics": ("import statistics; statistics.mean([1])", (RUFF, LINT)),
    "an order of numpy's own": ("import numpy; numpy.argsort([1, 1])", (RUFF, LINT)),
    "a finalizer": ("class Gone:\n        def __del__(self): pass", (LINT,)),
    "garbage": ("import gc; gc.get_objects()", ALL),
    "a context of this thread": ("from decimal import getcontext; getcontext()", (RUFF, LINT)),
    "a clock of a library's library": (
        "import typing; typing.sys.modules['time'].time()",
        (LINT, SEAL),
    ),
    "a global": ("global ASSET_DECIMALS; ASSET_DECIMALS = 8", (LINT,)),
    "what the interpreter is": ("import platform; platform.machine()", (RUFF, LINT)),
    "a task": ("async def later(): pass", (LINT,)),
    "JSON of whatever it finds": (
        "import msgspec; msgspec.json.decode(b'{}', type=dict)",
        (LINT,),
    ),
}
# What lasts from one run to the next: what stands above `parse`, and what in it. They run, and ruff
# and the seal say nothing.
REMEMBERED = {
    "a counter": ("from itertools import count; N = count(1)", "next(N)"),
    "a counter of a class": ("class A: n = 0", "A.n += 1"),
    "a number that a function keeps": ("", "parse.last = decimals"),
    "a table that makes its rows": (
        "from collections import defaultdict; T = defaultdict(list)",
        "T[text].append(1)",
    ),
    "a table of keys": ("T = dict.fromkeys('ab')", "T[text] = 1"),
    "a table by a class": ("from collections import UserDict; T = UserDict()", "T[text] = 1"),
    "a table under another name": ("T = {}", "t = T; t[text] = 1"),
    "a row that a sorted walk gives": (
        "T = {1: []}",
        "for _, row in enumerate(sorted(T.values())): row.append(1)",
    ),
    "a list that is added to": ("T = []", "t = T; t += [text]"),
    "a method of a list": ("T = []", "add = T.append; add(text)"),
    "a row that a pattern gives": (
        "T = {1: []}",
        "match T:\n        case {1: row}: row.append(1)",
    ),
    "a table under a name that is bound elsewhere, too": (
        "T = []",
        "[T for T in text]; T.append(1)",
    ),
    "a table of another file": ("from core import causes", "causes.REMEDIES.pop(text, None)"),
    "an object": ("class A: pass\nA_ONE = A()", "A_ONE.last = text"),
    "a default of a lambda": ("keep = lambda text, kept=[]: kept.append(text)", "keep(text)"),
    "a default that is a table": (
        "T = []\ndef keep(text, kept=T): kept.append(text)",
        "keep(text)",
    ),
    "a default": ("def keep(text, kept=[]): kept.append(text)", "keep(text)"),
    "a cache": ("from functools import cache", "cache(int)(text)"),
    "a cache above a function": (
        "from functools import lru_cache\n@lru_cache\ndef kept(text): return text",
        "kept(text)",
    ),
}
IN_PARSE = "\n# in parse:\n"
HAZARDS |= {
    f"{name} that lasts": (f"{above}{IN_PARSE}{line}", (LINT,))
    for name, (above, line) in REMEMBERED.items()
}


def planted(hazard: str) -> str:
    """The source of the victim with the line in it, and above it what it needs."""
    above, _, line = hazard.rpartition(IN_PARSE)
    source = VICTIM.read_text()
    assert source.count(PLACE) == source.count(FUNCTION) == 1
    source = source.replace(FUNCTION, f"{above}\n\n\n{FUNCTION}")
    return source.replace(PLACE, f"    {line}\n{PLACE}")


@pytest.fixture(scope="session")
def seen_by_ruff(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The hazards that break a ban of ruff's: one look at all, laid out as core is."""
    folder = tmp_path_factory.mktemp("planted")
    (folder / "core").mkdir()
    shutil.copy(ROOT / "pyproject.toml", folder)
    for number, (line, _) in enumerate(HAZARDS.values()):
        (folder / "core" / f"m{number}.py").write_text(planted(line))
    ruff = [str(Path(sys.executable).parent / "ruff"), "check", "--no-cache", "--select", "TID251"]
    done = subprocess.run(
        [*ruff, "--output-format", "json", "core"], cwd=folder, capture_output=True, text=True
    )
    numbers = {int(Path(each["filename"]).stem[1:]) for each in json.loads(done.stdout)}
    return {name for number, name in enumerate(HAZARDS) if number in numbers}


@pytest.fixture
def imported(tmp_path: Path) -> Iterator[Callable[[str], ModuleType]]:
    """Imports a source as the module core.planted, for this test."""

    def load(source: str) -> ModuleType:
        path = tmp_path / "planted.py"
        path.write_text(source)
        spec = importlib.util.spec_from_file_location("core.planted", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules["core.planted"] = module
        spec.loader.exec_module(module)
        return module

    yield load
    sys.modules.pop("core.planted", None)


def refusal_of(module: ModuleType) -> str:
    """What a sealed run ends with that comes by the planted line; "" of one that goes on."""
    try:
        with seal():
            module.parse("1", 2)
    except Broken as error:
        return str(error)
    return ""


@pytest.mark.parametrize("name", HAZARDS)
def test_a_planted_hazard_is_caught(
    name: str, seen_by_ruff: set[str], imported: Callable[[str], ModuleType]
) -> None:
    line, guards = HAZARDS[name]
    assert guards
    assert (name in seen_by_ruff) == (RUFF in guards)
    found = violations(planted(line))
    assert bool(found) == (LINT in guards)
    assert IN_PARSE not in line or any(each.endswith(REASONS) for each in found)
    refusal = refusal_of(imported(planted(line)))
    assert ("asked for by core.planted" in refusal) == (SEAL in guards), refusal


def test_what_is_not_planted_is_not_caught(imported: Callable[[str], ModuleType]) -> None:
    """Else each of them would be caught for what the copy is."""
    assert violations(planted("pass")) == []
    assert refusal_of(imported(planted("pass"))) == ""


def test_there_are_fifty_hazards_and_more() -> None:
    assert len(HAZARDS) >= 50
