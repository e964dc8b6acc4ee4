"""An image written anew, its layers lazily readable: layers, then configs, then manifests, the name last."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

from crfs_dav.convert.documents import config_type, described, new_config, new_index, new_manifest
from crfs_dav.convert.events import DocumentSent, OnProgress, ignore
from crfs_dav.convert.layers import Layers, convert_layers
from crfs_dav.convert.options import Options, Report, Shape
from crfs_dav.convert.parts import parts_of
from crfs_dav.convert.plan import ImagePlan, IndexPlan, Plan, images_of, read_plan
from crfs_dav.convert.ports import Sent, Source, Target
from crfs_dav.names import Digest, digest_of
from crfs_dav.oci import OCI_INDEX, OCI_MANIFEST, Descriptor


def convert_image(source: Source, target: Target, options: Options, on_progress: OnProgress = ignore) -> Report:
    """What was made of the source, at the target. Raises what `source`, `target` and `on_progress` raise.

    Raises NotFound for platforms that are not there; Corrupt, which names the layer, for what is no image or not what
    its digests promise. Nothing has the target's name then, and no temporary file is left.
    """
    plan, left_out = read_plan(source, options.platforms)
    parts = {part.key: part for image in images_of(plan) for part in parts_of(image, options.shape)}
    layers = convert_layers(list(parts.values()), source, target, options=options, on_progress=on_progress)
    documents = _Documents(source, target, layers, shape=options.shape, on_progress=on_progress)
    root, document = documents.put(plan)
    target.put_root(root, document, documents.sending(root))
    return Report(root, tuple(result.done for result in layers.values()), left_out)


class _Documents:
    """Configs, manifests and indexes of a conversion whose layers are at the target."""

    def __init__(
        self, source: Source, target: Target, layers: Layers, *, shape: Shape, on_progress: OnProgress
    ) -> None:
        self._source = source
        self._target = target
        self._layers = layers
        self._shape = shape
        self._on_progress = on_progress

    def sending(self, document: Descriptor) -> Sent:
        """What is told while `document` is sent, before every try: whoever listens may end it."""
        return lambda size: self._on_progress(DocumentSent(document, size))

    def put(self, plan: Plan) -> tuple[Descriptor, bytes]:
        """The document that takes the place of the plan's, all that it names being at the target."""
        return self._put_image(plan) if isinstance(plan, ImagePlan) else self._put_index(plan)

    def _put_index(self, plan: IndexPlan) -> tuple[Descriptor, bytes]:
        parts: dict[Digest, Descriptor] = {}
        for part in plan.parts:
            descriptor, document = self.put(part)
            self._target.put_manifest(descriptor, document, self.sending(descriptor))
            parts[part.descriptor.digest] = descriptor
        document = plan.index.document
        if plan.left_out or any(old != new.digest for old, new in parts.items()):
            document = new_index(document, parts)
        return described(document, plan.index.media_type, OCI_INDEX), document

    def _put_image(self, plan: ImagePlan) -> tuple[Descriptor, bytes]:
        results = [self._layers[part.key] for part in parts_of(plan, self._shape)]
        descriptors = [result.done.result for result in results]
        is_oci = any(descriptor.annotations for descriptor in descriptors)
        config = self._config(plan, [result.diff_id for result in results], is_oci=is_oci)
        document = plan.manifest.document
        if descriptors != list(plan.manifest.layers):
            document = new_manifest(document, config, descriptors, is_oci=is_oci)
        return described(document, plan.manifest.media_type, OCI_MANIFEST), document

    def _config(self, plan: ImagePlan, diff_ids: Sequence[Digest], *, is_oci: bool) -> Descriptor:
        old = plan.manifest.config
        if tuple(diff_ids) == plan.diff_ids:
            self._put(old, self._source.blob(old).read_at(0, old.size))
            return old
        document = new_config(plan.config, diff_ids)
        config = Descriptor(config_type(old.media_type, is_oci=is_oci), digest_of(document), len(document))
        self._put(config, document)
        return config

    def _put(self, descriptor: Descriptor, document: bytes) -> None:
        on_sent = self.sending(descriptor)
        on_sent(0)
        if not self._target.has(descriptor):
            self._target.put_blob(descriptor, BytesIO(document), on_sent)
