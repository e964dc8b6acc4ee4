"""Names: text to values and back, and what is refused."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs_dav.errors import BadName
from crfs_dav.names import (
    Digest,
    Reference,
    Registry,
    Repository,
    is_component,
    is_tag,
    parse_digest,
    parse_digest_file_name,
    parse_reference,
    parse_registry,
    parse_repository,
)

HEX = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "registry"),
    [
        ("127.0.0.1:5000", Registry("127.0.0.1", 5000)),
        ("127.0.0.1_5000", Registry("127.0.0.1", 5000)),
        ("localhost", Registry("localhost")),
        ("localhost:5000", Registry("localhost", 5000)),
        ("registry:5000", Registry("registry", 5000)),
        ("Quay.IO", Registry("quay.io")),
        ("[::1]:5000", Registry("[::1]", 5000)),
        ("[2001:db8::1]", Registry("[2001:db8::1]")),
        ("docker.io", Registry("docker.io")),
        ("index.docker.io", Registry("docker.io")),
        ("registry-1.docker.io", Registry("docker.io")),
        ("europe-docker.pkg.dev", Registry("europe-docker.pkg.dev")),
    ],
)
def test_registry_is_read_in_all_its_spellings(text: str, registry: Registry) -> None:
    assert parse_registry(text) == registry


@pytest.mark.parametrize(
    "text",
    [
        "", "my", "ubuntu", ".", "..", "a..b", "-a.b", "a-.b", "a.b:", "a.b:0", "a.b:65536", "a.b:5000:1",
        "[::1", "[zz]:5000", "[1:2]", "a b.c", "a/b.c", "user@host.com", "a.b\n", "é.com", "a" * 256 + ".com",
    ],
)  # fmt: skip
def test_what_is_no_registry_is_refused(text: str) -> None:
    with pytest.raises(BadName):
        parse_registry(text)


@pytest.mark.parametrize("text", ["127.0.0.1:5000", "docker.io", "[::1]:5000", "quay.io"])
def test_registry_prints_as_it_was_read(text: str) -> None:
    assert str(parse_registry(text)) == text


def test_docker_hub_is_asked_at_its_api_host() -> None:
    assert parse_registry("docker.io").api_host == "registry-1.docker.io"


@pytest.mark.parametrize(
    ("text", "loopback", "private"),
    [
        ("127.0.0.1:5000", True, True),
        ("127.8.9.1", True, True),
        ("localhost:5000", True, True),
        ("a.localhost", True, True),
        ("[::1]:5000", True, True),
        ("10.0.0.1", False, True),
        ("192.168.1.2:5000", False, True),
        ("172.16.0.1", False, True),
        ("8.8.8.8", False, False),
        ("127.0.0.1.example.com", False, False),
        ("registry.local", False, False),
        ("notlocalhost.com", False, False),
    ],
)
def test_registry_knows_whether_its_name_is_private(text: str, loopback: bool, private: bool) -> None:
    registry = parse_registry(text)

    assert (registry.is_loopback, registry.is_private) == (loopback, private)


@pytest.mark.parametrize("name", ["ubuntu", "my/ubuntu", "a/b/c/d", "a.b_c__d--e/f1", "0/1"])
def test_repository_of_any_depth_is_read(name: str) -> None:
    assert str(parse_repository(Registry("quay.io"), name)) == f"quay.io/{name}"


@pytest.mark.parametrize("name", ["", "/", "a/", "/a", "a//b", "A", "a b", ".a", "a.", "a___b", "a:b", "é", "a" * 256])
def test_what_is_no_repository_is_refused(name: str) -> None:
    with pytest.raises(BadName):
        parse_repository(Registry("quay.io"), name)


def test_official_images_are_in_the_library() -> None:
    assert parse_repository(Registry("docker.io"), "ubuntu").name == "library/ubuntu"


def test_scope_names_the_repository_and_the_action() -> None:
    assert Repository(Registry("quay.io"), "a/b").scope() == "repository:a/b:pull"


@pytest.mark.parametrize("text", ["latest", "18.04", "_x", "V1", "a" * 128, "sha256-" + HEX])
def test_tags_are_known(text: str) -> None:
    assert is_tag(text)


@pytest.mark.parametrize("text", ["", ".a", "-a", "a b", "a:b", "a/b", "é", "a" * 129, "a\n"])
def test_what_is_no_tag_is_known(text: str) -> None:
    assert not is_tag(text)


@pytest.mark.parametrize("text", ["@a", "A", "a\n", "~", "a+b", "."])
def test_what_is_no_component_is_known(text: str) -> None:
    assert not is_component(text)


@pytest.mark.parametrize(("algorithm", "length"), [("sha256", 64), ("sha512", 128)])
def test_digest_prints_as_it_was_read(algorithm: str, length: int) -> None:
    digest = parse_digest(f"{algorithm}:{'a' * length}")

    assert str(digest) == f"{algorithm}:{'a' * length}"
    assert parse_digest_file_name(digest.file_name) == digest


@pytest.mark.parametrize(
    "text",
    ["", "sha256", f"sha256:{HEX[1:]}", f"sha256:{HEX.upper()}", f"md5:{HEX}", f"sha256:{HEX}\n", f"sha256:{HEX}0"],
)
def test_what_is_no_digest_is_refused(text: str) -> None:
    with pytest.raises(BadName):
        parse_digest(text)


def test_a_tag_with_dashes_is_no_digest() -> None:
    with pytest.raises(BadName):
        parse_digest_file_name("my-tag")


def test_digest_matches_its_bytes_only() -> None:
    digest = Digest("sha256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")

    assert digest.matches(b"abc")
    assert not digest.matches(b"abd")


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("ubuntu", "docker.io/library/ubuntu:latest"),
        ("me/app:1", "docker.io/me/app:1"),
        ("127.0.0.1:5000/my/ubuntu:18.04", "127.0.0.1:5000/my/ubuntu:18.04"),
        ("localhost/a", "localhost/a:latest"),
        (f"quay.io/a/b@sha256:{HEX}", f"quay.io/a/b@sha256:{HEX}"),
        (f"quay.io/a/b:tag@sha256:{HEX}", f"quay.io/a/b@sha256:{HEX}"),
        ("[::1]:5000/a", "[::1]:5000/a:latest"),
    ],
)
def test_reference_is_read_as_docker_reads_it(text: str, printed: str) -> None:
    assert str(parse_reference(text)) == printed


def test_a_reference_is_by_tag_or_by_digest() -> None:
    with pytest.raises(BadName):
        Reference(Repository(Registry("quay.io"), "a"))


@given(st.text())
def test_any_text_is_a_name_or_a_bad_name(text: str) -> None:
    for parse in (parse_registry, parse_digest, parse_digest_file_name, parse_reference):
        with contextlib.suppress(BadName):
            parse(text)
