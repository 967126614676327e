"""URLs of Redis."""

from __future__ import annotations

import pytest

from pfa_rpc.cache.urls import Target, Topology


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://localhost", "redis://localhost:6379"),
        ("rediss://user:p%40ss@example.test:7000/3", "rediss://example.test:7000/3"),
        ("redis://[::1]:7000", "redis://[::1]:7000"),
        ("redis://[::1]", "redis://[::1]:6379"),
        ("redis+sentinel://:pw@a:1,b,c:3/main/2", "redis+sentinel://a:1,b:26379,c:3/main/2"),
        ("rediss+cluster://u:p@a:1,b", "rediss+cluster://a:1,b:6379"),
    ],
)
def test_what_is_understood(url: str, shown: str) -> None:
    assert str(Target.parse(url)) == shown


def test_the_parts() -> None:
    target = Target.parse("rediss+sentinel://us%3Aer:p%40%2Fss@a:1,b:2/main/4?ca=/etc/ca.pem&sentinel_password=s")
    assert (target.topology, target.tls, target.nodes) == (Topology.SENTINEL, True, (("a", 1), ("b", 2)))
    assert (target.username, target.password, target.service, target.database) == ("us:er", "p@/ss", "main", 4)
    assert target.options == {"ca": "/etc/ca.pem", "sentinel_password": "s"}
    assert "p@/ss" not in repr(target) + str(target)


@pytest.mark.parametrize(
    ("url", "right"),
    [
        ("localhost:6379", "redis://HOST"),
        ("http://localhost", "redis://HOST"),
        ("redis+ring://a", "redis://HOST"),
        ("redis://", "host is missing"),
        ("redis://a:0", "1 to 65535"),
        ("redis://a:x", "1 to 65535"),
        ("redis://a/b", "a number"),
        ("redis://a/1/2", "a number"),
        ("redis://a,b", "sentinel"),
        ("redis://::1:6379", "brackets"),
        ("redis+sentinel://a,b", "SERVICE"),
        ("redis+cluster://a/1", "database 0"),
        ("redis://a?timeout=3", "'timeout'"),
    ],
)
def test_what_is_not_is_refused_without_its_secrets(url: str, right: str) -> None:
    with pytest.raises(ValueError, match=right) as refused:
        Target.parse(url.replace("://", "://user:secret-word@"))
    assert "secret-word" not in str(refused.value)
