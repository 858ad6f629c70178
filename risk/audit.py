"""The engine against the books: its every cell, counted anew from records of the whole.

The cycle proves sums of cells; this proves the cells. It is for snapshots and for whoever doubts.
"""

from risk.engine import Engine, Halted
from risk.records import Records


def audit(engine: Engine, records: Records) -> None:
    """Halt the engine where a cell is not what the records say, or where it lacks one."""
    anew = Engine(engine.age_ns_max)
    anew.load(records)
    for name in sorted(engine.cells.keys() | anew.cells.keys()):
        kept, told = _counts(engine, name), _counts(anew, name)
        if kept != told:
            engine.halted = f"{'/'.join(name)}: kept {kept}, the books say {told}"
            raise Halted(engine.halted)


def _counts(engine: Engine, name: tuple[str, str, str]) -> tuple[int, int, int]:
    cell = engine.cells.get(name)
    if cell is None:
        return 0, 0, 0
    return engine.position[cell], engine.buys[cell], engine.sells[cell]
