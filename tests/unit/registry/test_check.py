from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from crfs_dav.errors import AccessDenied, Corrupt, CrfsError, NotFound, Unavailable
from crfs_dav.registry.check import check, clean, error_of, retry_after_seconds


@dataclass(frozen=True)
class Answered:
    """An answer with its body at hand."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    what: str = "GET https://registry.example/v2/a/manifests/b"

    def peek(self) -> bytes:
        return self.body


def _body(code: str, message: str = "text") -> bytes:
    return json.dumps({"errors": [{"code": code, "message": message}]}).encode()


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (400, b"", Unavailable),
        (400, _body("NAME_INVALID"), NotFound),
        (400, _body("PAGINATION_NUMBER_INVALID"), Unavailable),
        (401, b"", AccessDenied),
        (402, b"", AccessDenied),
        (403, _body("DENIED"), AccessDenied),
        (404, _body("MANIFEST_UNKNOWN"), NotFound),
        (405, b"", Unavailable),
        (408, b"", Unavailable),
        (410, b"", NotFound),
        (416, b"", Corrupt),
        (429, _body("TOOMANYREQUESTS"), Unavailable),
        (451, b"", AccessDenied),
        (500, b"<html>", Unavailable),
        (502, b"", Unavailable),
        (503, b"", Unavailable),
        (504, b"", Unavailable),
        (304, b"", Unavailable),
    ],
)
def test_status_is_one_of_our_errors(status: int, body: bytes, error: type[CrfsError]) -> None:
    assert type(error_of(Answered(status, body), 200)) is error


def test_expected_status_is_no_error() -> None:
    check(Answered(206), 200, 206)


def test_text_says_what_was_asked_found_and_expected() -> None:
    with pytest.raises(NotFound) as caught:
        check(Answered(404, _body("MANIFEST_UNKNOWN", "manifest unknown")), 200, 206)

    expected = (
        "GET https://registry.example/v2/a/manifests/b: 404 MANIFEST_UNKNOWN manifest unknown; expected 200 or 206"
    )
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    "body",
    [
        b"not json",
        b"[]",
        b'{"errors":[]}',
        b'{"errors":[1]}',
        b'{"errors":{"a":1}}',
        b'{"errors":[{"code":1,"message":null}]}',
        b"[" * 8000,
        b"\xff\xfe",
    ],
)
def test_odd_bodies_add_nothing(body: bytes) -> None:
    assert str(error_of(Answered(500, body), 200)).endswith("manifests/b: 500; expected 200")


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("plain", "plain"),
        ("two\r\nlines\x1b[31m", "two lines [31m"),
        ("see https://s3.example/blob?X-Amz-Signature=secret&a=b now", "see https://s3.example/blob?... now"),
        ("bad header Bearer abc.def", "bad header Bearer ..."),
        ("x" * 1000, "x" * 200),
        (None, ""),
        (7, ""),
    ],
)
def test_words_of_the_registry_are_made_fit_for_a_log(text: object, cleaned: str) -> None:
    assert clean(text) == cleaned


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "0"}, 0),
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": " 12 "}, 12),
        ({"Retry-After": "9999999999"}, 86400),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "1.5"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:30 GMT", "Date": "Wed, 21 Oct 2026 07:28:00 GMT"}, 30),
        ({"Retry-After": "Wed, 21 Oct 2026 07:27:00 GMT", "Date": "Wed, 21 Oct 2026 07:28:00 GMT"}, 0),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:30 GMT"}, None),
        ({"Retry-After": "Wed, 99 Oct 2026 07:28:30 GMT", "Date": "x"}, None),
    ],
)
def test_retry_after(headers: Mapping[str, str], seconds: float | None) -> None:
    assert retry_after_seconds(headers) == seconds


def test_throttling_carries_the_time_to_wait() -> None:
    error = error_of(Answered(429, headers={"Retry-After": "120"}), 200)

    assert isinstance(error, Unavailable)
    assert error.retry_after_seconds == 120
