"""Frames of zstd, as those see them who read them."""

from __future__ import annotations

from crfs_dav.formats.zstdwrite import zstd_frame

_SINGLE_SEGMENT = 0x20  # bit of the frame header's descriptor (RFC 8878, 3.1.1.1.1)


def test_a_frame_asks_its_reader_for_no_more_window_than_it_has_content() -> None:
    frame = zstd_frame(bytearray(b"a small file\n"), 9)
    assert frame[4] & _SINGLE_SEGMENT
    assert frame[5] == len(b"a small file\n")
