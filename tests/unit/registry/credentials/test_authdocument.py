from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs_dav.errors import Corrupt
from crfs_dav.names import parse_registry
from crfs_dav.registry.credentials.authdocument import AuthDocument, Helper, parse_auth_document
from crfs_dav.registry.credentials.secret import IdentityToken, Login, RegistryToken, Secret

ME = {"auth": b64encode(b"me:p:w").decode()}
YOU = {"auth": b64encode(b"you:pw").decode()}


def _parsed(**document: Any) -> AuthDocument:
    return parse_auth_document(json.dumps(document).encode())


def _secret(entry: object) -> Secret | None:
    return _parsed(auths={"a.b": entry}).secret(parse_registry("a.b"), "")


@pytest.mark.parametrize(
    ("entry", "secret"),
    [
        (ME, Login("me", "p:w")),
        ({"auth": b64encode(b"me:pw\0\0").decode()}, Login("me", "pw")),
        ({"username": "me", "password": "pw"}, Login("me", "pw")),
        ({"username": "me", "password": "pw", "auth": ""}, Login("me", "pw")),
        ({**ME, "identitytoken": "it"}, IdentityToken("it", "me")),
        ({"identitytoken": "it"}, IdentityToken("it")),
        ({**ME, "registrytoken": "rt"}, RegistryToken("rt")),
        ({"email": "me@a.b"}, None),
        ({}, None),
    ],
)
def test_entry_is_a_secret(entry: dict[str, str], secret: Secret | None) -> None:
    assert _secret(entry) == secret


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({"auth": "%%%hunter2"}, "auth: no base64"),
        ({"auth": b64encode(b"hunter2").decode()}, "auth: no user and password in it"),
        ({"auth": b64encode(b":hunter2").decode()}, "auth: no user and password in it"),
        ({"password": "hunter2"}, "half of user and password"),
        ({"auth": ["hunter2"]}, "auth: list; expected text"),
        ("hunter2", "str; expected an object"),
        (None, "NoneType; expected an object"),
    ],
)
def test_senseless_entry_is_named_and_harms_no_other(entry: object, problem: str) -> None:
    document = _parsed(auths={"a.b": entry, "c.d": ME})

    assert document.secret(parse_registry("c.d"), "") == Login("me", "p:w")
    assert document.secret(parse_registry("a.b"), "") is None
    assert [text.startswith(f"auths: a.b: {problem}") for text in document.problems] == [True]
    assert "hunter2" not in str(document.problems)


@pytest.mark.parametrize(
    ("key", "registry"),
    [
        ("https://index.docker.io/v1/", "docker.io"),
        ("index.docker.io", "docker.io"),
        ("docker.io", "docker.io"),
        ("https://a.b/v2/", "a.b"),
        ("http://a.b:5000", "a.b:5000"),
        ("https://a.b/some/path", "a.b"),
        ("A.B", "a.b"),
        ("localhost:5000", "localhost:5000"),
        ("[::1]:5000", "[::1]:5000"),
    ],
)
def test_key_is_a_registry_however_it_is_spelled(key: str, registry: str) -> None:
    assert _parsed(auths={key: ME}).secret(parse_registry(registry), "x/y") == Login("me", "p:w")


@pytest.mark.parametrize("key", ["", "myhost", "//", "https://", "a b", "ü.example"])
def test_key_that_is_no_registry_of_ours_is_left_out(key: str) -> None:
    document = _parsed(auths={key: ME})

    assert (document.secrets, document.problems) == ({}, ())


@pytest.mark.parametrize(
    ("name", "user"),
    [("x/y/z", "you"), ("x/y", "you"), ("x/yy", "me"), ("x", "me"), ("", "me"), ("z/x/y", "me")],
)
def test_longest_key_that_fits_a_repository_counts(name: str, user: str) -> None:
    secret = _parsed(auths={"a.b": ME, "a.b/x/y": YOU}).secret(parse_registry("a.b"), name)

    assert isinstance(secret, Login)
    assert secret.user == user


def test_helpers_are_named_for_registries_and_for_all() -> None:
    document = _parsed(credHelpers={"a.b": "one", "https://index.docker.io/v1/": "two"}, credsStore="three")

    assert document.helpers == {
        parse_registry("a.b"): Helper("one", "a.b"),
        parse_registry("docker.io"): Helper("two", "https://index.docker.io/v1/"),
    }
    assert document.store == Helper("three")


@pytest.mark.parametrize("suffix", ["../../bin/sh", "a b", "a;b", 7, "x" * 101])
def test_helper_that_is_no_name_is_named_and_not_run(suffix: object) -> None:
    document = _parsed(credHelpers={"a.b": suffix}, credsStore=suffix)

    assert (document.helpers, document.store, len(document.problems)) == ({}, None, 2)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"\xff", b"[" * 100_000])
def test_what_is_no_document_is_corrupt(text: bytes) -> None:
    with pytest.raises(Corrupt, match="expected"):
        parse_auth_document(text)


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text() | st.sampled_from(["a.b", "auth", "bWU6cHc="]),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["a.b", "auth", "a.b/c"]), inner),
    max_leaves=20,
)


@given(auths=_JSON, helpers=_JSON, store=_JSON)
def test_any_document_is_read_or_its_problems_are_told(auths: object, helpers: object, store: object) -> None:
    document = _parsed(auths=auths, credHelpers=helpers, credsStore=store)

    assert all("expected" in problem for problem in document.problems)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_document_or_corrupt(text: bytes) -> None:
    try:
        parse_auth_document(text)
    except Corrupt as error:
        assert "expected" in str(error)
