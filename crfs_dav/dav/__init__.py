"""Nodes as WebDAV collections and resources (RFC 4918 class 1, read-only)."""
