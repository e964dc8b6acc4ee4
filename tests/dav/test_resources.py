from __future__ import annotations

import pytest

from crfs_dav.dav.provider import CrfsProvider
from crfs_dav.dav.resources import Collection, Resource
from crfs_dav.errors import Unavailable
from tests.support.dav_tree import FailingDirectory, TreeFile, directory

FILE = TreeFile(b"content")
UNAVAILABLE = FailingDirectory(Unavailable("test: later; expected now"))
PROVIDER = CrfsProvider(directory({"dir": directory({"ü.txt": FILE}), "remote": UNAVAILABLE}), None)
ENVIRON = {"wsgidav.provider": PROVIDER}


def test_wsgidav_gets_a_file_as_it_wants_one() -> None:
    resource = PROVIDER.get_resource_inst("/dir/\xc3\xbc.txt", ENVIRON)

    assert isinstance(resource, Resource)
    assert (resource.path, resource.name, resource.is_collection) == ("/dir/ü.txt", "ü.txt", False)
    assert (resource.get_content_length(), resource.get_content_type()) == (7, "text/plain; charset=utf-8")
    assert (resource.get_etag(), resource.support_etag(), resource.support_ranges()) == (FILE.content_id, True, True)
    assert resource.get_last_modified() == resource.get_creation_date() == 1714979289
    with resource.get_content() as content:
        content.seek(3)
        assert content.read() == b"tent"


def test_wsgidav_gets_a_collection_as_it_wants_one() -> None:
    collection = PROVIDER.get_resource_inst("/dir/", ENVIRON)

    assert isinstance(collection, Collection)
    assert (collection.path, collection.name, collection.is_collection) == ("/dir", "dir", True)
    assert collection.get_member_names() == ["ü.txt"]
    assert isinstance(collection.get_member("ü.txt"), Resource)
    assert collection.get_member("missing") is None
    assert collection.get_etag() is None
    assert collection.get_content_length() is None
    assert collection.get_last_modified() == collection.get_creation_date() == 1714979289


@pytest.mark.parametrize("path", ["/missing", "/dir/x", "/dir/\xc3\xbc.txt/x", "//", "/.."])
def test_wsgidav_gets_none_for_what_is_not_there(path: str) -> None:
    assert PROVIDER.get_resource_inst(path, ENVIRON) is None


def test_what_cannot_be_had_now_is_not_taken_for_missing() -> None:
    with pytest.raises(Unavailable):
        PROVIDER.get_resource_inst("/remote/x", ENVIRON)


def test_the_provider_says_it_is_read_only() -> None:
    assert PROVIDER.is_readonly()
