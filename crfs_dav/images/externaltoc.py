"""TOCs that lie in an image of their own: eStargz with an external TOC.

stargz-snapshotter `nativeconverter/estargz/externaltoc`: the TOCs of the image tagged T are the layers of the image
tagged `T-esgztoc`, each annotated with the digest of the layer that it speaks of. Anybody who may push may change
what a tag names; so such a TOC is believed only where the layer's own descriptor has its digest.
"""

from __future__ import annotations

import logging
from itertools import islice

from crfs_dav.errors import CrfsError
from crfs_dav.names import Digest, Reference, Repository
from crfs_dav.oci import Manifest
from crfs_dav.registry.client import RegistryClient

_log = logging.getLogger(__name__)

TAG_SUFFIX = "-esgztoc"
LAYER_ANNOTATION = "containerd.io/snapshot/stargz/layer.digest"
_TAGS_LIMIT = 32  # images of TOCs that are looked through; each costs two requests


def find_toc(client: RegistryClient, limit: int, repository: Repository, layer: Digest) -> bytes | None:
    """The TOC of `layer` as it is stored, packed, at most `limit` bytes; None where no image of TOCs has one."""
    try:
        for tag in islice((tag.name for tag in client.tags(repository) if tag.name.endswith(TAG_SUFFIX)), _TAGS_LIMIT):
            manifest = client.manifest(repository, client.resolve(Reference(repository, tag=tag)))
            for descriptor in manifest.layers if isinstance(manifest, Manifest) else ():
                if descriptor.annotations.get(LAYER_ANNOTATION) == str(layer):
                    return client.read_blob(repository, descriptor, limit)
    except CrfsError as error:
        _log.warning("layer %s of %s: no external TOC: %s", layer, repository, error)
    return None
