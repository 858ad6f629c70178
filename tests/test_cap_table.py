"""The cap table of any final block: what blocks moved, no more and no less."""

import pytest

from sim import machine
from tests.test_token_trace import ALICE, BOB, NAME, START, Chain, chain, hashed
from tieout.runs import run
from tieout.tokens.cap_table import NotFinal, cap_table, cap_tables

__all__ = ["chain"]  # the fixture: Alice has 1000 at block 101, gives 250 in 102; 103 is final
executed = pytest.mark.skipif(not machine.there(), reason="no embedded EVM for this Python")


def test_each_final_block_has_its_table(chain: Chain) -> None:
    told = {block: dict(cap_table(chain.store, NAME, block).held) for block in range(100, 104)}
    gave = {ALICE: 750, BOB: 250}
    assert told == {100: {}, 101: {ALICE: 1000}, 102: gave, 103: gave}


def test_a_table_says_of_which_block_it_is(chain: Chain) -> None:
    told = cap_table(chain.store, NAME, 102)
    assert (told.number, told.block_hash, told.at) == (102, hashed("h2"), (START + 24) * 10**9)
    assert (told.supply, told.share(ALICE), told.share("0xnobody")) == (1000, 0.75, 0.0)
    assert list(told.held) == [ALICE, BOB]


def test_what_is_not_final_is_in_none(chain: Chain) -> None:
    """100 more are mined in block 104, and 7 that nobody decided in 105."""
    assert cap_table(chain.store, NAME) == cap_table(chain.store, NAME, 103)
    for block in (99, 104):
        with pytest.raises(
            NotFinal, match=f"block {block} of ESTATE is not final here; 100 to 103"
        ):
            cap_table(chain.store, NAME, block)
    with pytest.raises(NotFinal, match="no token 'CASTLE' in this journal; there is ESTATE"):
        cap_table(chain.store, "CASTLE")


def test_only_blocks_that_moved_something_are_told_one_by_one(chain: Chain) -> None:
    assert [each.number for each in cap_tables(chain.store, NAME)] == [100, 101, 102, 103]
    made = Chain()
    mint = made.permit("mint", "", ALICE, 10)
    for name in ("h1", "h2", "h3"):
        made.block(name)
    made.block("h4", [])
    made.finalize("h4")
    assert [each.number for each in cap_tables(made.store, NAME)] == [100, 104]
    assert mint.status == "signed"


@executed
def test_of_a_storm_each_table_is_the_chains_own() -> None:
    """Through reorganisations and crashes; the contract itself is asked about the last one."""
    outcome = run("storm_tokens", 3, short=True, sampled=False)
    assert outcome.summary["tokens"]["contract_differences"] == 0
    tables = cap_tables(outcome.store, "ESTATE")
    assert len(tables) > 20
    assert [each.number for each in tables] == sorted({each.number for each in tables})
    assert all(value > 0 for each in tables for value in each.held.values())
    final = outcome.state.tokens["ESTATE"]
    assert dict(tables[-1].held) == final.reserved.balances
    assert tables[-1].number == final.blocks[0].number
    assert cap_table(outcome.store, "ESTATE", tables[7].number) == tables[7]
