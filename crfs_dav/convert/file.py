"""One layer from file to file: a tar, packed or not, to an eStargz blob."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from crfs_dav.convert.documents import layer_type
from crfs_dav.convert.events import Fate, LayerDone, LayerRead, LayerStarted, LayerWritten, OnProgress, Planned
from crfs_dav.convert.filereader import FileReader
from crfs_dav.convert.layer import CheckedTar, Tools, write_tar
from crfs_dav.convert.options import Options, Report
from crfs_dav.errors import Corrupt, NotFound
from crfs_dav.formats.writing import Format
from crfs_dav.layout import written
from crfs_dav.names import Digest
from crfs_dav.oci import OCI_LAYER_GZIP, Descriptor

_NO_DIGEST = Digest("sha256", "")  # the file's is known when it has been read


def convert_file(source: Path, destination: Path, options: Options, on_progress: OnProgress) -> Report:
    """What was done; `destination` appears whole or not at all. Raises NotFound, Corrupt, Unavailable."""
    try:
        with source.open("rb") as file:
            return _convert(FileReader(file, source.stat().st_size), destination, options, on_progress)
    except Corrupt as error:
        raise Corrupt(f"file:{source}: {error}") from None
    except OSError as error:
        raise NotFound(f"file:{source}: {error.strerror}; expected a file to read") from None


def _convert(blob: FileReader, destination: Path, options: Options, on_progress: OnProgress) -> Report:
    if not blob.size:
        raise Corrupt("empty; expected a tar")
    layer = Descriptor(OCI_LAYER_GZIP, _NO_DIGEST, blob.size)
    on_progress(Planned((layer,)))
    on_progress(LayerStarted(layer))
    is_zstd = options.write.format is Format.ZSTD_CHUNKED
    content = CheckedTar(blob, None, None, lambda size: on_progress(LayerRead(layer, size)))
    with written(destination) as out, ThreadPoolExecutor(options.threads, thread_name_prefix="compress") as pool:
        tools = Tools(options, pool)
        new = write_tar(content.pieces(), out, tools, lambda size: on_progress(LayerWritten(layer, size)))
    media_type = layer_type(layer.media_type, "zstd" if is_zstd else "gzip", is_oci=True)
    result = Descriptor(media_type, new.written.digest, new.written.size)
    done = LayerDone(layer, result, Fate.CONVERTED, was_there=False, first=new.first)
    on_progress(done)
    return Report(result, (done,), ())
