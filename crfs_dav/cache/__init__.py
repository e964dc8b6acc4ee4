"""Memories of bytes: in memory, on disk, chained, and as a reader."""
