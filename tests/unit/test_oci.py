"""Manifests, indexes, platforms, configs: JSON to values."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs_dav.errors import BadName, Corrupt, CrfsError
from crfs_dav.oci import (
    DOCKER_INDEX,
    DOCKER_MANIFEST,
    MANIFEST_SIZE_LIMIT,
    OCI_INDEX,
    OCI_MANIFEST,
    Index,
    Manifest,
    Platform,
    best_offer,
    parse_config,
    parse_manifest,
    parse_platform,
    stated_offers,
)

DIGEST = "sha256:" + "a" * 64


def descriptor(**changes: Any) -> dict[str, Any]:
    return {"mediaType": "application/x", "digest": DIGEST, "size": 3, **changes}


def manifest(**changes: Any) -> bytes:
    return json.dumps({"schemaVersion": 2, "config": descriptor(), "layers": [descriptor()], **changes}).encode()


def index_of(*platforms: dict[str, Any] | None, **changes: Any) -> Index:
    manifests = [
        descriptor(digest=f"sha256:{number:064x}", **({"platform": platform} if platform else {}), **changes)
        for number, platform in enumerate(platforms)
    ]
    parsed = parse_manifest(json.dumps({"manifests": manifests}).encode())
    assert isinstance(parsed, Index)
    return parsed


AMD64 = {"os": "linux", "architecture": "amd64"}
ARM64 = {"os": "linux", "architecture": "arm64", "variant": "v8"}


@pytest.mark.parametrize("media_type", [OCI_MANIFEST, DOCKER_MANIFEST])
def test_both_types_of_manifest_are_read(media_type: str) -> None:
    parsed = parse_manifest(manifest(mediaType=media_type))

    assert isinstance(parsed, Manifest)
    assert (parsed.media_type, len(parsed.layers), parsed.config.size) == (media_type, 1, 3)


@pytest.mark.parametrize("media_type", [OCI_INDEX, DOCKER_INDEX])
def test_both_types_of_index_are_read(media_type: str) -> None:
    parsed = parse_manifest(json.dumps({"manifests": [], "mediaType": media_type}).encode())

    assert (type(parsed), parsed.media_type) == (Index, media_type)


def test_shape_decides_where_the_type_is_wrong() -> None:
    assert isinstance(parse_manifest(manifest(), "text/plain; charset=utf-8"), Manifest)


def test_document_is_kept_as_stored() -> None:
    assert parse_manifest(manifest()).document == manifest()


@pytest.mark.parametrize(
    "document",
    [
        b"", b"[]", b"null", b"{}", b"\xff", b"[" * 100_000,
        b'{"schemaVersion": 1, "fsLayers": []}',
        b'{"layers": [], "config": []}',
        b" " * (MANIFEST_SIZE_LIMIT + 1),
        manifest(layers=[1]),
        manifest(layers=[descriptor(size=-1)]),
        manifest(layers=[descriptor(size=True)]),
        manifest(layers=[descriptor(size="3")]),
        manifest(layers=[descriptor(size=1 << 62)]),
        manifest(layers=[descriptor(digest="sha256:short")]),
        manifest(layers=[descriptor(digest=None)]),
        manifest(layers=[descriptor()] * 10_001),
    ],
    ids=lambda document: repr(document[:40]),
)  # fmt: skip
def test_what_is_no_manifest_is_corrupt(document: bytes) -> None:
    with pytest.raises(Corrupt):
        parse_manifest(document)


def test_annotations_that_are_no_text_are_left_out() -> None:
    parsed = parse_manifest(manifest(layers=[descriptor(annotations={"a": "b", "c": 1})]))

    assert isinstance(parsed, Manifest)
    assert dict(parsed.layers[0].annotations) == {"a": "b"}


def platform(text: str) -> dict[str, Any]:
    os, architecture, *variant = text.split("/")
    return {"os": os, "architecture": architecture, **({"variant": variant[0]} if variant else {})}


@pytest.mark.parametrize(
    ("offered", "wanted", "chosen"),
    [
        ("linux/amd64 linux/arm64/v8 linux/amd64", "linux/amd64", 0),
        ("linux/amd64 linux/arm64/v8", "linux/arm64", 1),
        ("linux/amd64 linux/arm64/v8", "linux/arm64/v8", 1),
        ("linux/amd64 linux/arm64", "linux/arm64/v8", 1),
        ("linux/amd64 linux/arm64", "linux/aarch64", 1),
        ("linux/x86_64", "linux/amd64", 0),
        ("linux/arm64/v9 linux/arm64", "linux/arm64", 1),
        ("linux/arm64/v9", "linux/arm64", 0),
        ("linux/arm64/v9", "linux/arm64/v8", None),
        ("linux/arm64/v8", "linux/arm64/v9", 0),
        ("linux/arm/v5 linux/arm/v6 linux/arm64", "linux/arm/v7", 1),
        ("linux/arm/v5 linux/arm/v6 linux/arm", "linux/arm/v7", 2),
        ("linux/arm/v7", "linux/arm/v6", None),
        ("linux/amd64/v3 linux/amd64", "linux/amd64", 1),
        ("linux/amd64 linux/amd64/v2 linux/amd64/v4", "linux/amd64/v3", 1),
        ("linux/mips64le/odd", "linux/mips64le", 0),
        ("linux/mips64le", "linux/mips64le/odd", None),
        ("windows/amd64", "linux/amd64", None),
        ("", "linux/amd64", None),
    ],
)
def test_best_fitting_platform_is_chosen(offered: str, wanted: str, chosen: int | None) -> None:
    offers = stated_offers(index_of(*map(platform, offered.split())))

    best = best_offer(offers, parse_platform(wanted))

    assert (best and int(best.digest.hex, 16)) == chosen


def test_an_os_version_counts_where_it_is_wanted() -> None:
    versions = [{"os": "windows", "architecture": "amd64", "os.version": version} for version in ("10.0.1", "10.0.2")]
    offers = stated_offers(index_of(*versions))

    best = best_offer(offers, Platform("windows", "amd64", "", "10.0.2"))

    assert best is not None
    assert int(best.digest.hex, 16) == 1


@pytest.mark.parametrize(
    "machinery",
    [
        index_of({"os": "unknown", "architecture": "unknown"}),
        index_of(AMD64, artifactType="application/vnd.amazon.soci.index.v2+json"),
        index_of(AMD64, annotations={"vnd.docker.reference.type": "attestation-manifest"}),
    ],
)
def test_attestations_and_artifacts_are_not_offered(machinery: Index) -> None:
    assert stated_offers(machinery) == []


@pytest.mark.parametrize("text", ["linux/amd64", "linux/arm64/v8"])
def test_platform_prints_as_it_was_read(text: str) -> None:
    assert str(parse_platform(text)) == text


@pytest.mark.parametrize("text", ["", "linux", "linux/", "/amd64", "a/b/c/d"])
def test_what_is_no_platform_is_refused(text: str) -> None:
    with pytest.raises(BadName):
        parse_platform(text)


def test_platform_as_a_file_name_has_no_slash() -> None:
    assert Platform("windows", "amd64", "", "10.0/x").file_name == "windows-amd64-10.0-x"


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2024-05-06T07:08:09Z", datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)),
        ("2024-05-06T07:08:09.123456789Z", datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)),
        ("2024-05-06T09:08:09+02:00", datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)),
        ("0001-01-01T00:00:00+02:00", None),
        ("yesterday", None),
        (3, None),
        (None, None),
    ],
)
def test_creation_time_is_read_in_utc(text: Any, time: datetime | None) -> None:
    assert parse_config(json.dumps({"created": text}).encode()).created == time


def test_config_says_its_platform() -> None:
    assert parse_config(json.dumps(ARM64).encode()).platform == Platform("linux", "arm64", "v8")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda values: st.lists(values, max_size=4) | st.dictionaries(
        st.sampled_from(["layers", "config", "manifests", "digest", "size", "platform", "os", "annotations"]),
        values,
    ),
)  # fmt: skip


@given(JSON)
def test_any_json_is_a_manifest_or_an_error_of_ours(value: Any) -> None:
    for parse in (parse_manifest, parse_config):
        with contextlib.suppress(CrfsError):
            parse(json.dumps(value).encode())
