"""WebDAVFS, the WebDAV client of macOS, replayed: its headers, its bodies, and its way of reading a listing.

Source: Apple's published client, as the notes on clients tell it in 2.1 to 2.5.
"""

from __future__ import annotations

from tests.support.dav import (
    FINDER_BODY,
    FINDER_STATFS_BODY,
    FINDER_USER_AGENT,
    Answer,
    DavClient,
    WebdavfsEntry,
    prop_body,
    webdavfs_listing,
)

MOUNT_CHECK = prop_body("resourcetype")
LISTING = (
    b'<?xml version="1.0" encoding="utf-8"?>\n<D:propfind xmlns:D="DAV:">\n'
    b'<D:prop xmlns:A="http://www.apple.com/webdav_fs/props/">\n<D:getlastmodified/>\n<D:getcontentlength/>\n'
    b"<D:creationdate/>\n<D:resourcetype/>\n<A:appledoubleheader/>\n</D:prop>\n</D:propfind>\n"
)
STAT = FINDER_BODY
STATFS = FINDER_STATFS_BODY
PROBES = (
    *("._.", "._passwd", "._18.04", ".DS_Store", ".hidden", ".Spotlight-V100", ".metadata_never_index"),
    *(".localized", "mach_kernel", "Backups.backupdb", "Contents"),
)


def ask(client: DavClient, method: str, path: str, **more: str) -> Answer:
    """A request with the headers that all of them have."""
    return client.request(method, path, headers={"User-Agent": FINDER_USER_AGENT, "Accept": "*/*", **more})


def propfind(client: DavClient, path: str, body: bytes, *, depth: str = "0") -> Answer:
    """A PROPFIND as WebDAVFS sends it."""
    headers = {"User-Agent": FINDER_USER_AGENT, "Accept": "*/*", "Content-Type": "text/xml", "Depth": depth}
    return client.request("PROPFIND", path, headers=headers, body=body)


def listing(client: DavClient, path: str, body: bytes = LISTING) -> dict[bytes, WebdavfsEntry]:
    """The members of the directory at `path`, which ends in a slash, as Finder would show them."""
    answer = propfind(client, path, body, depth="1")
    assert answer.status == 207, answer
    return webdavfs_listing(answer.body, path)
