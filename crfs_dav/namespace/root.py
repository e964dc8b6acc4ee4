"""The root that clients mount: `README-crfs.txt`, `layers/`, `images/`, and the registries below these."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from crfs_dav.archive import Entry, Kind
from crfs_dav.errors import AccessDenied, NotFound
from crfs_dav.names import Registry, parse_registry
from crfs_dav.namespace.probes import is_probe
from crfs_dav.namespace.repositories import RepositoryDirectory
from crfs_dav.namespace.site import Site
from crfs_dav.tree.node import Directory, Node
from crfs_dav.tree.static import StaticDirectory, StaticFile

Policy = Callable[[Registry], bool]
"""True for a registry that clients may make this server talk to."""


class RegistriesDirectory:
    """Registries by host: those configured and used are listed, any other that policy allows is there if asked for.

    `others` are directories beside them whose names can be no registry's.
    """

    def __init__(self, site: Site, allows: Policy, others: Mapping[str, Directory]) -> None:
        self._site = site
        self._allows = allows
        self._others = others
        self.entry = Entry("", Kind.DIR, mode=0o755)

    def lookup(self, name: str) -> Node:
        """Directory of the registry `name`, without asking it; raises NotFound, AccessDenied."""
        if is_probe(name):
            raise NotFound(f"{name}: a name that systems look for everywhere; expected a registry")
        if name in self._others:
            return self._others[name]
        registry = parse_registry(name)
        if not self._allows(registry):
            raise AccessDenied(f"registry: {registry}; expected one that the server's configuration names")
        return RepositoryDirectory(self._site, registry)

    def children(self) -> Mapping[str, Node]:
        """Registries that are configured or were used, in the configuration's order; the others first."""
        registries = {str(each): RepositoryDirectory(self._site, each) for each in self._site.catalog.registries()}
        return {**self._others, **registries}


@dataclass(frozen=True)
class Part:
    """One of the two views: registries, and what else stands beside them by name, such as `local`."""

    site: Site
    others: Mapping[str, Directory] = field(default_factory=dict)


def build_root(layers: Part, images: Part, allows: Policy) -> Directory:
    """The whole tree."""
    return StaticDirectory(
        {
            "README-crfs.txt": StaticFile(_README.encode()),
            "layers": RegistriesDirectory(layers.site, allows, layers.others),
            "images": RegistriesDirectory(images.site, allows, images.others),
        }
    )


_README = """\
crfs-dav: container images as files, read straight from their registries

  /layers/REGISTRY/OWNER/IMAGE/TAG/    one image, layer by layer: 0 1 … bottom top config manifest
  /images/REGISTRY/OWNER/IMAGE/TAG/    one image, its layers merged: the root file system

For example /layers/127.0.0.1:5000/my/ubuntu/18.04/bottom/etc/passwd. Where a name cannot hold a
colon, write 127.0.0.1_5000. A registry that is not listed is there when its name is typed; so are
images of registries that list nothing. `local`, if it is there, holds files of the server's own disk.

Everything is read-only. A file is fetched when it is read, and only the parts that are read.

To mount this tree, with URL as the address that the server printed when it started:

  Linux    mount -t davfs -o ro URL /mnt         or   gio mount dav://HOST:PORT/
  macOS    Finder: Go, Connect to Server, URL    or   mount_webdav -S URL /mnt
  Windows  net use Z: URL
  any      rclone mount --read-only :webdav: /mnt --webdav-url URL
"""
