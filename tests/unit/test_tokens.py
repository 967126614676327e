"""Tokens come back only as what they were made for, and whatever else is sent is refused with a sentence."""

from __future__ import annotations

import base64
import string
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pfa.v1 import record_service_pb2
from pfa_rpc.errors import InvalidToken, LimitExceeded
from pfa_rpc.services.tokens import DAY_SECONDS, TOKEN_LENGTH, Tokens, digest

KEY = b"k" * 32
REQUEST = digest("filter", "source = RENTAL")

leaves = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(max_size=20)
contents = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.seconds = 1_000_000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.seconds


@pytest.fixture
def tokens() -> Tokens:
    return Tokens(KEY, now=Clock())


def refusal(call: Callable[[], object]) -> InvalidToken:
    with pytest.raises(InvalidToken) as caught:
        call()
    return caught.value


@given(contents)
def test_content_comes_back_as_it_went(content: object) -> None:
    tokens = Tokens(KEY)
    try:
        token = tokens.seal("page", "RIO", REQUEST, content)
    except LimitExceeded:
        return
    assert tokens.open("page", token, "RIO", REQUEST) == content
    assert set(token) <= set(string.ascii_letters + string.digits + "-_"), "a token can stand in a URL"


@given(st.text(max_size=200) | st.text(string.ascii_letters + string.digits + "-_", max_size=400))
def test_any_text_is_refused_and_nothing_else_happens(text: str) -> None:
    error = refusal(lambda: Tokens(KEY).open("page", text, "RIO", REQUEST))
    assert error.metadata == {"token": "page"}


@given(st.data())
def test_a_token_changed_anywhere_is_refused(data: st.DataObject) -> None:
    tokens = Tokens(KEY)
    token = tokens.seal("page", "RIO", REQUEST, [1, "a"])
    position = data.draw(st.integers(0, len(token) - 1))
    character = data.draw(st.sampled_from(string.ascii_letters + string.digits + "-_+/= \n"))
    changed = token[:position] + character + token[position + 1 :]
    if changed != token:
        assert "damaged" in refusal(lambda: tokens.open("page", changed, "RIO", REQUEST)).message


def test_a_token_shortened_or_extended_is_refused(tokens: Tokens) -> None:
    token = tokens.seal("page", "RIO", REQUEST, [1])
    for changed in ("", token[:-1], token[:20], token + "A", token + "=", token + "\n", " " + token):
        assert "damaged" in refusal(lambda changed=changed: tokens.open("page", changed, "RIO", REQUEST)).message  # type: ignore[misc]


def test_each_way_of_being_wrong_has_its_sentence(tokens: Tokens) -> None:
    token = tokens.seal("page", "RIO", REQUEST, [1])
    other_key = Tokens(b"x" * 32)
    assert "is a page token; a resume token" in refusal(lambda: tokens.open("resume", token, "RIO", REQUEST)).message
    assert "another organization" in refusal(lambda: tokens.open("page", token, "CAPE", REQUEST)).message
    assert "another filter or order" in refusal(lambda: tokens.open("page", token, "RIO", digest("x"))).message
    assert "another key" in refusal(lambda: other_key.open("page", token, "RIO", REQUEST)).message
    assert "damaged" in refusal(lambda: tokens.open("page", "hello", "RIO", REQUEST)).message
    assert f"at most {TOKEN_LENGTH}" in refusal(lambda: tokens.open("page", "A" * 100_000, "RIO", REQUEST)).message


def test_a_token_of_a_later_format_is_refused(tokens: Tokens) -> None:
    raw = bytearray(base64.urlsafe_b64decode(tokens.seal("page", "RIO", REQUEST, [1]) + "=="))
    raw[0] = 2
    later = base64.urlsafe_b64encode(bytes(raw)).rstrip(b"=").decode()
    assert "damaged" in refusal(lambda: tokens.open("page", later, "RIO", REQUEST)).message


def test_a_token_expires_after_a_day_unless_it_is_made_to_last() -> None:
    clock = Clock()
    tokens = Tokens(KEY, now=clock)
    page = tokens.seal("page", "RIO", REQUEST, 1)
    revision = tokens.seal("revision", "RIO", b"", [7, 8], lifetime_seconds=None)
    clock.seconds += DAY_SECONDS - 1
    assert tokens.open("page", page, "RIO", REQUEST) == 1
    clock.seconds += 2
    assert "expired" in refusal(lambda: tokens.open("page", page, "RIO", REQUEST)).message
    clock.seconds += 10**10
    assert tokens.open("revision", revision, "RIO", b"") == [7, 8]


def test_two_processes_with_one_key_take_each_others_tokens() -> None:
    assert Tokens(KEY).open("page", Tokens(KEY).seal("page", "RIO", REQUEST, "x"), "RIO", REQUEST) == "x"


def test_content_too_long_for_a_token_is_refused_when_it_is_made(tokens: Tokens) -> None:
    with pytest.raises(LimitExceeded, match="order by a field with shorter values"):
        tokens.seal("page", "RIO", REQUEST, "x" * TOKEN_LENGTH)


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="too short"):
        Tokens(b"short")


def test_digests_frame_their_parts() -> None:
    parts: list[tuple[object, ...]] = [
        (),
        ("",),
        ("", ""),
        ("ab", "c"),
        ("a", "bc"),
        ("abc",),
        (b"abc",),
        (["abc"],),
        (["a", "bc"],),
        (["a"], ["bc"]),
        (1,),
        ("1",),
        (True,),
        ("True",),
        (None,),
        ("None",),
        (record_service_pb2.GetRecordRequest(id="1"),),
        (record_service_pb2.GetRecordRequest(pfa_id="1"),),
    ]
    assert len({digest(*each) for each in parts}) == len(parts)
    assert digest("a", ["b", 1]) == digest("a", ("b", 1)), "a list and a tuple are the same sequence"


def test_a_digest_of_something_unordered_is_refused() -> None:
    with pytest.raises(TypeError, match="a set cannot be part of a digest"):
        digest({1, 2})
