"""crfs-dav: a Container Registry Filesystem over WebDAV."""

__version__ = "0.1.0"
