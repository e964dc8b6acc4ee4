"""The layers of images written anew, several at once: what the rest of the new image is made of."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import BufferedReader
from typing import BinaryIO

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
)
from crfs_dav.convert.layer import CheckedTar, OnSize, Tools, new_layer, temporary_file, temporary_folder
from crfs_dav.convert.merged import merged_tar
from crfs_dav.convert.options import Options
from crfs_dav.convert.parts import Key, Part
from crfs_dav.convert.passing import passed
from crfs_dav.convert.ports import Source, Target
from crfs_dav.convert.unpacked import UnpackedLayer
from crfs_dav.errors import CrfsError, NoRoom
from crfs_dav.names import Digest
from crfs_dav.oci import Descriptor
from crfs_dav.readers import ReaderIO

_BUFFER_SIZE = 1 << 20  # bytes
_AT_ONCE = 2  # each with a reader of its own; what counts are the threads that compress, which all share
_LARGE_MEMBER = 8 << 20  # bytes; of larger ones, two layers hold more than 300 MB: then one is converted at a time
_UNPACKED = 4  # times as large as packed, of usual layers


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a part."""

    done: LayerDone
    diff_id: Digest


Layers = Mapping[Key, Result]


def convert_layers(
    parts: Sequence[Part], source: Source, target: Target, *, options: Options, on_progress: OnProgress
) -> Layers:
    """Each part once, at the target; raises what the first to fail raises."""
    on_progress(Planned(tuple(part.layer for part in parts)))
    on_progress(SpaceNeeded(temporary_folder(options), _space(parts, options)))
    with (
        ThreadPoolExecutor(options.threads, thread_name_prefix="compress") as packers,
        ThreadPoolExecutor(_at_once(options), thread_name_prefix="layer") as pool,
    ):
        work = _Work(source, target, Tools(options, packers), on_progress)
        try:
            futures = {part.key: pool.submit(work.convert, part) for part in parts}
            _wait(list(futures.values()))
        except BaseException:
            work.stop()
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return {key: future.result() for key, future in futures.items()}


class _Stopped(Exception):
    """Another layer has failed: there is no use in this one."""


class _Work:
    def __init__(self, source: Source, target: Target, tools: Tools, on_progress: OnProgress) -> None:
        self._source = source
        self._target = target
        self._tools = tools
        self._on_progress = on_progress
        self._is_stopped = threading.Event()

    def stop(self) -> None:
        """Have all that is under way end at its next step."""
        self._is_stopped.set()

    def convert(self, part: Part) -> Result:
        """What became of it; what goes wrong is told with its digest."""
        kind = "layer" if len(part.layers) == 1 else "image"
        with _about(f"{kind} {part.layer.digest}"):
            return self._convert(part)

    def _convert(self, part: Part) -> Result:
        layer = part.layer
        self._tell(LayerStarted(layer))
        if len(part.layers) == 1:
            kept = passed(self._source.blob(layer), layer, self._tools.options)
            if kept is not None:
                content = BufferedReader(ReaderIO(self._source.blob(layer)), _BUFFER_SIZE)
                was_there = self._send(layer, layer, content)
                return self._done(LayerDone(layer, kept, Fate.PASSED, was_there), part.layers[0][1])
        with (
            self._tar(part) as tar,
            new_layer(layer, tar, self._tools, on_written=lambda size: self._tell(LayerWritten(layer, size))) as new,
        ):
            was_there = self._send(layer, new.descriptor, new.content)
        return self._done(LayerDone(layer, new.descriptor, Fate.CONVERTED, was_there, new.first), new.diff_id)

    @contextmanager
    def _tar(self, part: Part) -> Iterator[Iterator[bytes]]:
        """What the new layer is to hold."""
        if len(part.layers) == 1:
            yield self._checked(*part.layers[0], lambda size: self._tell(LayerRead(part.layer, size)))
            return
        with ExitStack() as files:
            unpacked, before = [], 0
            for number, (layer, diff_id) in enumerate(part.layers):
                file = files.enter_context(temporary_file(self._tools.options))
                unpacked.append(UnpackedLayer(number, file))
                with _about(f"layer {layer.digest}"):
                    unpacked[-1].fill(self._checked(layer, diff_id, self._reading(part, before)))
                before += layer.size
            yield merged_tar(unpacked)

    def _reading(self, part: Part, before: int) -> OnSize:
        return lambda size: self._tell(LayerRead(part.layer, before + size))

    def _checked(self, layer: Descriptor, diff_id: Digest, on_read: OnSize) -> Iterator[bytes]:
        return CheckedTar(self._source.blob(layer), layer.digest, diff_id, on_read).pieces()

    def _done(self, done: LayerDone, diff_id: Digest) -> Result:
        self._tell(done)
        return Result(done, diff_id)

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


@contextmanager
def _about(what: str) -> Iterator[None]:
    """Errors that come out of here say what it was."""
    try:
        yield
    except OSError as error:
        raise NoRoom(f"{what}: temporary file: {error.strerror or error}; expected room") from None
    except CrfsError as error:
        error.args = (f"{what}: {error}",)
        raise


def _wait(futures: Sequence[Future[Result]]) -> None:
    """Until all are done; raises what the first to fail raised."""
    done, _ = wait(futures, return_when=FIRST_EXCEPTION)
    for future in done:
        future.result()


def _at_once(options: Options) -> int:
    """Layers under way at one time."""
    return 1 if options.write.chunk_size + options.write.min_chunk_size > _LARGE_MEMBER else _AT_ONCE


def _space(parts: Sequence[Part], options: Options) -> int:
    """Bytes that the largest parts take that may be under way at once; eStargz is a little larger than gzip.

    Layers that are merged, or put in another order, lie there unpacked as well.
    """
    sizes = sorted((_space_of(part, options) for part in parts), reverse=True)
    return sum(sizes[: _at_once(options)])


def _space_of(part: Part, options: Options) -> int:
    copies = (len(part.layers) != 1) + bool(options.write.prioritized)
    return part.layer.size * 5 // 4 + copies * _UNPACKED * part.layer.size
