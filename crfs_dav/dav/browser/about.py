"""A collection's description as HTML: facts, then tables."""

from __future__ import annotations

from collections.abc import Container, Iterator
from datetime import datetime

from crfs_dav.dav.browser.texts import shown, size_cell, time_cell
from crfs_dav.dav.names import quote
from crfs_dav.tree.described import Child, Column, Description, Fact, Table, Value

_CUT_FROM = 40  # characters of a word from which it is shown cut, and copied whole


def about(description: Description, children: Container[str]) -> Iterator[str]:
    """The sections for `description`; ways down only to what is among `children`."""
    if description.facts:
        facts = "".join(map(_fact, description.facts))
        yield f'<section class="card"><h2>{shown(description.title)}</h2><dl>{facts}</dl></section>\n'
    for table in description.tables:
        yield from _table(table, children)


def _fact(fact: Fact) -> str:
    values = "".join(
        f"<code>{_value(value)}</code>" if fact.is_code else f"<span>{_value(value)}</span>" for value in fact.values
    )
    return f"<dt>{shown(fact.name)}</dt><dd>{values}</dd>"


def _table(table: Table, children: Container[str]) -> Iterator[str]:
    title = shown(table.title)
    is_open = "" if table.is_aside else ' open="open"'
    yield (
        f'<details class="card"{is_open}><summary>{title} ({len(table.rows)})</summary>'
        f'<div class="wide" role="region" aria-label="{title}" tabindex="0"><table><thead><tr>'
    )
    for column in table.columns:
        yield f'<th scope="col">{shown(column.title)}</th>'
    yield "</tr></thead>\n<tbody>\n"
    for row in table.rows:
        cells = "".join(_cell(column, value, children) for column, value in zip(table.columns, row, strict=True))
        yield f"<tr>{cells}</tr>\n"
    yield "</tbody></table></div></details>\n"


def _cell(column: Column, value: Value | None, children: Container[str]) -> str:
    if isinstance(value, Child):
        text = f"<bdi>{shown(value.text)}</bdi>"
        return f'<td><a href="{quote(value.name)}/">{text}</a></td>' if value.name in children else f"<td>{text}</td>"
    if value is None:
        return "<td></td>"
    if not column.is_code or not isinstance(value, str):
        return f"<td>{_value(value)}</td>"
    if len(value) >= _CUT_FROM and not any(map(str.isspace, value)):
        return f'<td><code class="cut" title="{shown(value)}">{shown(value)}</code></td>'
    return f'<td class="c"><code>{shown(value)}</code></td>'


def _value(value: Value) -> str:
    if isinstance(value, Child):
        return f"<bdi>{shown(value.text)}</bdi>"
    if isinstance(value, datetime):
        return time_cell(value)
    return size_cell(value) if isinstance(value, int) else f"<bdi>{shown(value)}</bdi>"
