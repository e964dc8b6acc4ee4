"""A collection as a page: what it says of itself, and its members."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from crfs_dav.dav.browser.about import about
from crfs_dav.dav.browser.icons import icon, kind_icon
from crfs_dav.dav.browser.layout import collection_crumbs, layout
from crfs_dav.dav.browser.mount import mount_help
from crfs_dav.dav.browser.texts import human_size, natural_key, shown, size_cell, time_cell
from crfs_dav.dav.names import quote
from crfs_dav.dav.request import Request
from crfs_dav.tree.described import Description
from crfs_dav.tree.node import Node, is_directory


def listing_page(
    request: Request, names: Sequence[str], children: Mapping[str, Node], description: Description | None
) -> Iterator[str]:
    """The page of the collection called `names`, in pieces."""
    title = names[-1] if names else "Container images as files"
    return layout(collection_crumbs(names), title, _main(request, names, children, description))


def _main(
    request: Request, names: Sequence[str], children: Mapping[str, Node], description: Description | None
) -> Iterator[str]:
    if not names:
        yield f'<p class="note">{_WELCOME}</p>\n'
    if description is not None:
        yield '<p class="bar"><a class="button" href="#contents">Go to the files</a></p>\n'
        yield from about(description, children)
    yield (
        '<section class="card flat" id="contents" aria-label="Contents"><table>\n'
        '<thead><tr><th scope="col">Name</th><th scope="col" class="n">Size</th>'
        '<th scope="col" class="n">Modified</th><th scope="col" class="n late">Mode</th>'
        '<th scope="col" class="n">Get</th></tr></thead>\n<tbody>\n'
    )
    if names:
        yield (
            f'<tr><td class="name"><a href="../">{icon("up")}../</a></td>'
            '<td></td><td></td><td class="late"></td><td></td></tr>\n'
        )
    ordered = sorted(children.items(), key=lambda child: (not is_directory(child[1]), natural_key(child[0])))
    yield from map(_row, ordered)
    yield f'</tbody></table></section>\n<p class="note">{_count(children.values())}</p>\n'
    if not names:
        yield from mount_help(request)


def _row(child: tuple[str, Node]) -> str:
    name, node = child
    entry = node.entry
    href, slash = quote(name), "/" if is_directory(node) else ""
    text = f"{kind_icon(node)}<span><bdi>{shown(name)}</bdi>{slash}</span>"
    target = f'<div class="to">→ <bdi>{shown(entry.link_name)}</bdi></div>' if entry.link_name else ""
    modified = f'<td class="n">{time_cell(entry.mtime)}</td><td class="n late">{entry.mode:04o}</td>'
    if is_directory(node):
        link = f'<a href="{href}/">{text}</a>'
        return f'<tr><td class="name">{link}{target}</td><td></td>{modified}<td></td></tr>\n'
    get = f'<a class="load" href="{href}?download" download="">{icon("get", f"Download {shown(name)}")}</a>'
    return (
        f'<tr><td class="name"><a href="{href}?preview">{text}</a>{target}</td>'
        f'<td class="n">{size_cell(entry.size)}</td>{modified}<td class="n">{get}</td></tr>\n'
    )


def _count(nodes: Iterable[Node]) -> str:
    sizes = [node.entry.size if not is_directory(node) else -1 for node in nodes]
    files = [size for size in sizes if size >= 0]
    directories = len(sizes) - len(files)
    parts = [_number(directories, "directory", "directories")] if directories else []
    parts += [f"{_number(len(files), 'file', 'files')} ({human_size(sum(files))})"] if files else []
    return ", ".join(parts) or "Nothing here."


def _number(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


_WELCOME = (
    "Look into <b>images</b> for the file system of an image, into <b>layers</b> for each of its layers. "
    "What is not listed is there when its name is typed: /images/REGISTRY/OWNER/IMAGE/TAG/"
)
