"""Documents that outlive the process: given back only as they were."""

from __future__ import annotations

from crfs_dav.images.documents import keep_document, kept_document
from crfs_dav.names import digest_of
from tests.support.recording import DictStore

DOCUMENT = b'{"schemaVersion": 2}'
DIGEST = digest_of(DOCUMENT)


def test_a_kept_document_is_given_back() -> None:
    store = DictStore()
    keep_document(store, DIGEST, DOCUMENT)

    assert kept_document(store, DIGEST) == DOCUMENT


def test_a_document_that_was_never_kept_is_none() -> None:
    assert kept_document(DictStore(), DIGEST) is None


def test_a_document_that_is_broken_is_forgotten() -> None:
    store = DictStore()
    keep_document(store, DIGEST, b"something else")

    assert kept_document(store, DIGEST) is None
    assert store.values == {}
