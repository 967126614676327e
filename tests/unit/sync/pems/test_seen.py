"""What is known of the rows that came before."""

from __future__ import annotations

from pfa_rpc.sync.pems import SeenRows
from pfa_rpc.sync.pems.seen import MOST_PAGES, SeenPage

A, B, C = b"a" * 16, b"b" * 16, b"c" * 16


def test_a_row_is_known_as_it_came_last_and_not_as_it_came_before() -> None:
    seen = SeenRows([("1", A), ("2", B)])
    seen.learn("1", C)
    assert (seen.id_of(A), seen.id_of(B), seen.id_of(C)) == (None, "2", "1")
    assert len(seen) == 2


def test_a_row_that_goes_back_to_what_it_was_is_looked_at_again() -> None:
    seen = SeenRows([("1", A)])
    seen.learn_page(b"key", SeenPage((A,), 3, "1"))
    seen.learn("1", B)
    page = seen.page(b"key")
    assert page is not None
    assert seen.ids_of(page.digests) is None
    seen.learn("1", A)
    assert seen.ids_of(page.digests) == ["1"]


def test_a_row_can_be_forgotten() -> None:
    seen = SeenRows([("1", A)])
    seen.forget("1")
    seen.forget("2")
    assert seen.id_of(A) is None
    assert len(seen) == 0


def test_the_oldest_pages_give_way() -> None:
    seen = SeenRows()
    for number in range(MOST_PAGES + 1):
        seen.learn_page(str(number).encode(), SeenPage((), 0, ""))
    assert seen.page(b"0") is None
    assert seen.page(b"1") is not None
