"""An image written anew, its layers lazily readable: layers, then configs, then manifests, the name last."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from io import BufferedReader, BytesIO
from typing import BinaryIO

from crfs_dav.convert.documents import config_type, described, new_config, new_index, new_manifest
from crfs_dav.convert.events import (
    Event,
    Fate,
    LayerDone,
    LayerRead,
    LayerSent,
    LayerStarted,
    LayerWritten,
    OnProgress,
    Planned,
    SpaceNeeded,
    ignore,
)
from crfs_dav.convert.layer import new_layer, temporary_folder
from crfs_dav.convert.options import Options, Report
from crfs_dav.convert.passing import passed
from crfs_dav.convert.plan import ImagePlan, IndexPlan, Plan, images_of, read_plan
from crfs_dav.convert.ports import Source, Target
from crfs_dav.errors import CrfsError, NoRoom
from crfs_dav.names import Digest, digest_of
from crfs_dav.oci import OCI_INDEX, OCI_MANIFEST, Descriptor
from crfs_dav.readers import ReaderIO

_BUFFER_SIZE = 1 << 20  # bytes
_LAYERS_AT_ONCE = 2  # each with a reader of its own; the compressing threads are what counts


def convert_image(source: Source, target: Target, options: Options, on_progress: OnProgress = ignore) -> Report:
    """What was made of the source, at the target. Raises what `source`, `target` and `on_progress` raise.

    Raises NotFound for platforms that are not there; Corrupt, which names the layer, for what is no image or not what
    its digests promise. Nothing has the target's name then, and no temporary file is left.
    """
    plan, left_out = read_plan(source, options.platforms)
    work = _Work(source, target, options, on_progress)
    layers = work.convert(list(images_of(plan)))
    root, document = work.put(plan, layers)
    target.put_root(root, document)
    return Report(root, tuple(result.done for result in layers.values()), left_out)


@dataclass(frozen=True, slots=True)
class _Result:
    """What became of a layer."""

    done: LayerDone
    diff_id: Digest


_Layers = Mapping[tuple[Digest, Digest], _Result]  # by digest and DiffID: a blob may be called by another one, wrongly


class _Stopped(Exception):
    """Another layer has failed: there is no use in this one."""


class _Work:
    def __init__(self, source: Source, target: Target, options: Options, on_progress: OnProgress) -> None:
        self._source = source
        self._target = target
        self._options = options
        self._on_progress = on_progress
        self._is_stopped = threading.Event()

    def convert(self, images: Sequence[ImagePlan]) -> _Layers:
        """Each layer of `images` once, at the target; raises what the first to fail raises."""
        layers = {
            (layer.digest, diff_id): layer
            for image in images
            for layer, diff_id in zip(image.manifest.layers, image.diff_ids, strict=True)
        }
        self._tell(Planned(tuple(layers.values())))
        self._tell(SpaceNeeded(temporary_folder(self._options), _space(list(layers.values()))))
        with ThreadPoolExecutor(_LAYERS_AT_ONCE, thread_name_prefix="layer") as pool:
            try:
                futures = {key: pool.submit(self._named_layer, layer, key[1]) for key, layer in layers.items()}
                _wait(list(futures.values()))
            except BaseException:
                self._is_stopped.set()
                pool.shutdown(wait=True, cancel_futures=True)
                raise
        return {key: future.result() for key, future in futures.items()}

    def put(self, plan: Plan, layers: _Layers) -> tuple[Descriptor, bytes]:
        """The document that takes the place of the plan's, all that it names being at the target."""
        if isinstance(plan, ImagePlan):
            return self._put_image(plan, layers)
        return self._put_index(plan, layers)

    def _put_index(self, plan: IndexPlan, layers: _Layers) -> tuple[Descriptor, bytes]:
        parts: dict[Digest, Descriptor] = {}
        for part in plan.parts:
            descriptor, document = self.put(part, layers)
            self._target.put_manifest(descriptor, document)
            parts[part.descriptor.digest] = descriptor
        document = plan.index.document
        if plan.left_out or any(old != new.digest for old, new in parts.items()):
            document = new_index(document, parts)
        return described(document, plan.index.media_type, OCI_INDEX), document

    def _put_image(self, plan: ImagePlan, layers: _Layers) -> tuple[Descriptor, bytes]:
        keys = zip(plan.manifest.layers, plan.diff_ids, strict=True)
        results = [layers[layer.digest, diff_id] for layer, diff_id in keys]
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
        if not self._target.has(descriptor):
            self._target.put_blob(descriptor, BytesIO(document), lambda size: None)

    def _named_layer(self, layer: Descriptor, diff_id: Digest) -> _Result:
        """As `_layer`; what goes wrong is told with the layer's digest."""
        try:
            return self._layer(layer, diff_id)
        except OSError as error:
            raise NoRoom(f"layer {layer.digest}: temporary file: {error.strerror or error}; expected room") from None
        except CrfsError as error:
            error.args = (f"layer {layer.digest}: {error}",)
            raise

    def _layer(self, layer: Descriptor, diff_id: Digest) -> _Result:
        self._tell(LayerStarted(layer))
        kept = passed(self._source.blob(layer), layer, self._options)
        if kept is not None:
            was_there = self._send(layer, layer, BufferedReader(ReaderIO(self._source.blob(layer)), _BUFFER_SIZE))
            return self._done(LayerDone(layer, kept, Fate.PASSED, was_there), diff_id)
        with new_layer(
            self._source.blob(layer),
            layer,
            diff_id,
            self._options,
            on_read=lambda size: self._tell(LayerRead(layer, size)),
            on_written=lambda size: self._tell(LayerWritten(layer, size)),
        ) as new:
            was_there = self._send(layer, new.descriptor, new.content)
        return self._done(LayerDone(layer, new.descriptor, Fate.CONVERTED, was_there), new.diff_id)

    def _done(self, done: LayerDone, diff_id: Digest) -> _Result:
        self._tell(done)
        return _Result(done, diff_id)

    def _send(self, layer: Descriptor, descriptor: Descriptor, content: BinaryIO) -> bool:
        """Have a blob at the target that comes of `layer`; True if no byte of it had to be sent."""
        repository = self._source.repository
        if self._target.has(descriptor) or (repository is not None and self._target.mount(descriptor, repository)):
            return True
        total = descriptor.size
        self._target.put_blob(descriptor, content, lambda size: self._tell(LayerSent(layer, size, total)))
        return False

    def _tell(self, event: Event) -> None:
        if self._is_stopped.is_set():
            raise _Stopped
        self._on_progress(event)


def _wait(futures: Sequence[Future[_Result]]) -> None:
    """Until all are done; raises what the first to fail raised."""
    done, _ = wait(futures, return_when=FIRST_EXCEPTION)
    for future in done:
        future.result()


def _space(layers: Sequence[Descriptor]) -> int:
    """Bytes that the largest layers take that may be under way at once; eStargz is a little larger than gzip."""
    sizes = sorted((layer.size for layer in layers), reverse=True)
    return sum(sizes[:_LAYERS_AT_ONCE]) * 5 // 4
