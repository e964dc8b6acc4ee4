"""Which layers of a source become which layers of the new image."""

from __future__ import annotations

from dataclasses import dataclass

from crfs_dav.convert.options import Shape
from crfs_dav.convert.plan import ImagePlan
from crfs_dav.names import Digest
from crfs_dav.oci import Descriptor

Key = tuple[tuple[Digest, Digest], ...]


@dataclass(frozen=True, slots=True)
class Part:
    """What one new layer is made of: one old layer, or several to be merged, or none.

    `layer` is what events call it: the old layer, or for want of just one a descriptor with the manifest's digest and
    the size of all.
    """

    layer: Descriptor
    layers: tuple[tuple[Descriptor, Digest], ...]  # with their DiffIDs, the lowest first

    @property
    def key(self) -> Key:
        """Digests and DiffIDs: a blob may be called by another DiffID, wrongly."""
        return tuple((layer.digest, diff_id) for layer, diff_id in self.layers)


def parts_of(plan: ImagePlan, shape: Shape) -> list[Part]:
    """The layers of what the image becomes."""
    pairs = tuple(zip(plan.manifest.layers, plan.diff_ids, strict=True))
    if not pairs or shape is Shape.LAYERED or (shape is Shape.FLAT and len(pairs) == 1):
        return [Part(layer, ((layer, diff_id),)) for layer, diff_id in pairs]
    used = pairs if shape is Shape.FLAT else ()
    size = sum(layer.size for layer, _ in used)
    return [Part(Descriptor(pairs[0][0].media_type, plan.descriptor.digest, size), used)]
