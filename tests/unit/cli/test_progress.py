"""What watchers of a conversion are told, event by event."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from crfs_dav.cli.progress import JsonLines, Lines, size_text
from crfs_dav.convert.events import (
    Event,
    Fate,
    LayerDone,
    LayerRead,
    LayerSent,
    LayerStarted,
    LayerWritten,
    Planned,
    SpaceNeeded,
)
from crfs_dav.names import digest_of
from crfs_dav.oci import Descriptor

LAYER = Descriptor("x", digest_of(b"layer"), 2_000_000)
RESULT = Descriptor("y", digest_of(b"result"), 1_500_000, {"a": "b"})
LAYER_DOCUMENT = {"mediaType": "x", "digest": str(LAYER.digest), "size": 2_000_000}
RESULT_DOCUMENT = {"mediaType": "y", "digest": str(RESULT.digest), "size": 1_500_000, "annotations": {"a": "b"}}
WHAT = f"layer 1 of 1 (sha256:{LAYER.digest.hex[:12]})"


class Seconds:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_lines_are_few_and_say_what_matters() -> None:
    out, clock = io.StringIO(), Seconds()
    tell = Lines(out, clock)
    tell(Planned((LAYER,)))
    tell(SpaceNeeded(Path("/tmp/x"), 2_600_000))
    tell(LayerStarted(LAYER))
    tell(LayerRead(LAYER, 100))
    clock.now += 10
    tell(LayerRead(LAYER, 1_000_000))
    tell(LayerWritten(LAYER, 500_000))
    clock.now += 10
    tell(LayerSent(LAYER, 750_000, 1_500_000))
    tell(LayerDone(LAYER, RESULT, Fate.CONVERTED, was_there=True))

    assert out.getvalue().splitlines() == [
        "1 layers, 2.0 MB",
        "up to 2.6 MB will be taken in /tmp/x",
        f"{WHAT}: 2.0 MB",
        f"{WHAT}: 1.0 MB of 2.0 MB read",
        f"{WHAT}: 750 kB of 1.5 MB sent",
        f"{WHAT}: converted, sha256:{RESULT.digest.hex[:12]}, 1.5 MB, was there already",
    ]


@pytest.mark.parametrize(
    ("event", "document"),
    [
        (
            Planned((LAYER,)),
            {"event": "planned", "layers": [LAYER_DOCUMENT]},
        ),
        (SpaceNeeded(Path("d"), 3), {"event": "space-needed", "folder": "d", "size": 3}),
        (LayerStarted(LAYER), {"event": "layer-started", "layer": str(LAYER.digest)}),
        (LayerRead(LAYER, 5), {"event": "layer-read", "layer": str(LAYER.digest), "size": 5}),
        (LayerWritten(LAYER, 5), {"event": "layer-written", "layer": str(LAYER.digest), "size": 5}),
        (LayerSent(LAYER, 5, 9), {"event": "layer-sent", "layer": str(LAYER.digest), "size": 5, "total": 9}),
        (
            LayerDone(LAYER, RESULT, Fate.PASSED, was_there=False),
            {
                "event": "layer-done",
                "layer": str(LAYER.digest),
                "result": {
                    "mediaType": "y",
                    "digest": str(RESULT.digest),
                    "size": 1_500_000,
                    "annotations": {"a": "b"},
                },
                "fate": "passed",
                "wasThere": False,
            },
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_event_is_an_object(event: Event, document: dict[str, object]) -> None:
    out = io.StringIO()
    JsonLines(out)(event)
    assert json.loads(out.getvalue()) == document


def test_json_of_the_way_comes_twice_a_second_at_most() -> None:
    out, clock = io.StringIO(), Seconds()
    tell = JsonLines(out, clock)
    for size in range(10):
        tell(LayerRead(LAYER, size))
        clock.now += 0.125
    assert [json.loads(line)["size"] for line in out.getvalue().splitlines()] == [0, 4, 8]


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (99_940, "99.9 kB"),
        (123_456, "123 kB"),
        (1e9, "1.0 GB"),
        (5e12, "5.0 TB"),
    ],
)
def test_sizes_are_short(size: float, text: str) -> None:
    assert size_text(size) == text
