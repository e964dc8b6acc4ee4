"""What an image's config says, for people to read: facts, labels, history. Pure.

Specification: OCI image-spec v1.1 `config.md`. Configs come from strangers: what has the wrong type is left out, and
all is cut to what a page can hold.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from crfs_dav.errors import CrfsError
from crfs_dav.oci import parse_config
from crfs_dav.tree.described import Fact

_ITEM_LIMIT = 200  # of a list or mapping
_STEP_LIMIT = 1000  # of the history
_TEXT_LIMIT = 4000  # characters


@dataclass(frozen=True, slots=True)
class Step:
    """One line of an image's history."""

    created_by: str
    has_layer: bool


@dataclass(frozen=True, slots=True)
class ConfigFacts:
    """What a config says; all of it empty for what is no image config."""

    facts: tuple[Fact, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    history: tuple[Step, ...] = ()


def parse_config_facts(document: bytes) -> ConfigFacts:
    """What the config in `document` says; nothing where it is no JSON object."""
    try:
        about = parse_config(document)
    except CrfsError:
        return ConfigFacts()
    body: dict[str, Any] = json.loads(document)
    run = body.get("config")
    run = run if isinstance(run, dict) else {}
    facts = [
        Fact("Platform", (str(about.platform),) if about.platform else ()),
        Fact("Created", (about.created,) if about.created else ()),
        Fact("Author", _texts([body.get("author")])),
        *_run_facts(run),
    ]
    return ConfigFacts(tuple(fact for fact in facts if fact.values), pairs(run.get("Labels")), tuple(_steps(body)))


def pairs(value: object) -> tuple[tuple[str, str], ...]:
    """Keys and values of a mapping of texts, by key."""
    mapping = value if isinstance(value, dict) else {}
    found = sorted((str(key), text) for key, text in mapping.items() if isinstance(text, str))
    return tuple((_cut(key), _cut(text)) for key, text in found[:_ITEM_LIMIT])


def _run_facts(run: dict[str, Any]) -> Iterator[Fact]:
    """How a container of the image starts."""
    yield Fact("Entrypoint", _command(run.get("Entrypoint")), is_code=True)
    yield Fact("Command", _command(run.get("Cmd")), is_code=True)
    yield Fact("Working directory", _texts([run.get("WorkingDir")]), is_code=True)
    yield Fact("User", _texts([run.get("User")]), is_code=True)
    yield Fact("Environment", _texts(run.get("Env")), is_code=True)
    yield Fact("Ports", _texts(sorted(_keys(run.get("ExposedPorts")))), is_code=True)
    yield Fact("Volumes", _texts(sorted(_keys(run.get("Volumes")))), is_code=True)
    yield Fact("Stop signal", _texts([run.get("StopSignal")]), is_code=True)


def _command(value: object) -> tuple[str, ...]:
    """An argument vector as JSON: where one word ends and the next begins is the point of it."""
    words = _texts(value)
    return (json.dumps(words, ensure_ascii=False),) if words else ()


def _texts(value: object) -> tuple[str, ...]:
    items = value[:_ITEM_LIMIT] if isinstance(value, list) else []
    return tuple(_cut(item) for item in items if isinstance(item, str) and item)


def _keys(value: object) -> list[str]:
    return [str(key) for key in value] if isinstance(value, dict) else []


def _steps(body: dict[str, Any]) -> Iterator[Step]:
    history = body.get("history")
    for step in history[:_STEP_LIMIT] if isinstance(history, list) else []:
        if isinstance(step, dict):
            text = step.get("created_by") or step.get("comment")
            yield Step(_cut(text) if isinstance(text, str) else "", step.get("empty_layer") is not True)


def _cut(text: str) -> str:
    return text if len(text) <= _TEXT_LIMIT else f"{text[:_TEXT_LIMIT]}…"
