"""Files that appear whole or not at all, for their owner only."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


def write_private(path: Path, pieces: Iterable[bytes | memoryview]) -> None:
    """Write `pieces` as the file at `path`, under another name first; raises OSError, and leaves nothing then.

    Makes the folder that it lies in, but none above. Without fsync: a crash may leave the file torn.
    """
    path.parent.mkdir(mode=0o700, exist_ok=True)
    temporary = path.with_name(f".{os.getpid()}-{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "xb", opener=_open_private) as file:
            file.writelines(pieces)
        temporary.replace(path)
    except OSError:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
