"""What KIO and Cyberduck ask for in a PROPFIND, as the sources of both have it."""

from __future__ import annotations

from tests.support.dav import prop_body

KIO_BODY = prop_body(
    *("creationdate", "getcontentlength", "displayname", "source", "getcontentlanguage", "getcontenttype"),
    *("getlastmodified", "getetag", "supportedlock", "lockdiscovery", "resourcetype"),
    *("quota-available-bytes", "quota-used-bytes"),
)
CYBERDUCK_BODY = prop_body(
    *("getcontentlength", "getlastmodified", "creationdate", "displayname", "getcontenttype", "resourcetype"),
    *("getetag", "lockdiscovery"),
)
