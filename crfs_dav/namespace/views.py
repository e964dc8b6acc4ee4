"""The two ways to show one image: layer by layer (`/layers`) or merged (`/images`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from crfs_dav.errors import Corrupt, NotFound
from crfs_dav.images.platforms import INDEX_DEPTH, Platforms
from crfs_dav.images.store import ImageStore
from crfs_dav.names import Repository
from crfs_dav.namespace.describe import Subject, describe_image, platforms_table
from crfs_dav.namespace.documents import README, missing_layers_file
from crfs_dav.namespace.incomplete import IncompleteDirectory
from crfs_dav.namespace.layers import IndexDirectory, artifact_files, layers_directory
from crfs_dav.oci import Descriptor, Manifest, Platform, may_be_archive
from crfs_dav.tree.described import DescribedDirectory, Description, description_of
from crfs_dav.tree.node import Directory
from crfs_dav.tree.overlay import OverlayDirectory
from crfs_dav.tree.static import StaticDirectory

View = Callable[[Repository, Descriptor], Directory]
"""Shows what a descriptor names: the directory of one reference. Raises any CrfsError but BadName."""

_OTHER_README = "README-crfs.txt"


def layers_view(store: ImageStore, platform: Platform) -> View:
    """`/layers`: layers as they are stored and the documents beside them; of an index, each platform as well."""

    def open_at(depth: int, repository: Repository, descriptor: Descriptor) -> Directory:
        manifest = store.manifest(repository, descriptor)
        if isinstance(manifest, Manifest):
            subject = Subject(repository, descriptor, manifest, has_layers=True)
            directory = layers_directory(store, repository, manifest)
            return DescribedDirectory(directory, partial(describe_image, store, subject))
        if depth == 0:
            raise _too_deep(repository, descriptor)

        def open_child(child: Descriptor) -> Directory:
            return open_at(depth - 1, repository, child)

        platforms = Platforms(store, repository, manifest)
        directory = IndexDirectory(manifest, platforms, platform, open_child)
        return DescribedDirectory(directory, lambda: _describe_index(platforms, platform, open_child))

    return lambda repository, descriptor: open_at(INDEX_DEPTH, repository, descriptor)


def images_view(store: ImageStore, platform: Platform) -> View:
    """`/images`: the root file system, layers merged; of an index, that of `platform`."""

    def open_root(repository: Repository, descriptor: Descriptor) -> Directory:
        for _ in range(INDEX_DEPTH + 1):
            manifest = store.manifest(repository, descriptor)
            if isinstance(manifest, Manifest):
                subject = Subject(repository, descriptor, manifest, has_layers=False)
                root = _root(store, repository, descriptor, manifest)
                return DescribedDirectory(root, partial(describe_image, store, subject))
            descriptor = Platforms(store, repository, manifest).choose(platform)
        raise _too_deep(repository, descriptor)

    return open_root


def _root(store: ImageStore, repository: Repository, descriptor: Descriptor, manifest: Manifest) -> Directory:
    if not any(may_be_archive(layer, manifest) for layer in manifest.layers):
        return StaticDirectory(artifact_files(store, repository, manifest.layers))
    image = store.image(repository, descriptor, manifest)
    root = image.root
    if image.plain_files:
        root = OverlayDirectory([root, StaticDirectory(artifact_files(store, repository, image.plain_files))])
    if not image.flawed_layers:
        return root
    missing = ", ".join(str(layer.descriptor.digest) for _, layer in image.flawed_layers)
    name = _OTHER_README if README in root.children() else README
    return IncompleteDirectory(root, f"layers that cannot be read: {missing}", {name: missing_layers_file(image)})


def _describe_index(
    platforms: Platforms, platform: Platform, open_manifest: Callable[[Descriptor], Directory]
) -> Description:
    """The default platform's image, where there is one, and all platforms."""
    try:
        chosen = description_of(open_manifest(platforms.choose(platform)))
    except NotFound:
        chosen = None
    description = chosen or Description("Images")
    return replace(description, tables=(platforms_table(platforms.offers), *description.tables))


def _too_deep(repository: Repository, descriptor: Descriptor) -> Corrupt:
    return Corrupt(f"{repository}@{descriptor.digest}: an index inside {INDEX_DEPTH} others; expected a manifest")
