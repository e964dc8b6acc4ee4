"""What the C library does with the memory of many threads; in a process of its own, for it is decided once."""

from __future__ import annotations

import subprocess
import sys

_PROGRAM = """
import ctypes, sys, threading
from crfs_dav.server.arenas import bound_arenas

if sys.argv[1] == "bound":
    bound_arenas()
libc = ctypes.CDLL(None)
libc.malloc.restype = libc.fdopen.restype = ctypes.c_void_p
everyone = threading.Barrier(20)

def work():
    everyone.wait()
    libc.malloc(1000)
    everyone.wait()

threads = [threading.Thread(target=work) for _ in range(20)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
file = ctypes.c_void_p(libc.fdopen(1, b"w"))
libc.malloc_info(0, file)
libc.fflush(file)
"""


def arenas(how: str) -> int:
    """Arenas of a process with twenty threads that took memory at the same time; malloc_info(3) lists them."""
    completed = subprocess.run([sys.executable, "-c", _PROGRAM, how], capture_output=True, text=True, check=True)
    return completed.stdout.count("<heap nr=")


def test_many_threads_share_four_arenas() -> None:
    assert arenas("bound") <= 4 < arenas("free")
