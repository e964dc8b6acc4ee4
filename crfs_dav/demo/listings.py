"""The ways in which registries list repositories besides the catalog, each in its own API.

Shapes as the vendors' documents and clients show them: Google (ggcr `pkg/v1/google/list.go`), Docker Hub, Quay, Harbor
(`api/v2.0/swagger.yaml`), GitLab (`container_registry.html`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Literal
from urllib.parse import quote

from crfs_dav.demo.content import Content
from crfs_dav.demo.exchange import Answer, Request, json_answer, refuse

OwnListing = Literal["", "google", "hub", "quay", "harbor", "gitlab"]

_PAGE_SIZE = 100


def answer_own_listing(kind: OwnListing, content: Content, request: Request) -> Answer | None:
    """What the API of that kind of registry answers; None where `request` is none of it."""
    route = _ROUTES.get(kind)
    match = route[0].fullmatch(request.path) if route and request.method == "GET" else None
    return route[1](content, request, *match.groups()) if route and match else None


def _google(content: Content, request: Request, name: str) -> Answer:
    """Tags and, at any depth, the next components and all manifests."""
    tags = content.tags(name)
    below = [each[len(name) + 1 :] for each in content.repositories() if each.startswith(f"{name}/")]
    if tags is None and not below:
        return refuse(404, "NAME_UNKNOWN", f"repository {name} not found")
    manifests: dict[str, dict[str, object]] = {}
    for tag in tags or ():
        about = manifests.setdefault(str(content.tagged(name, tag)), {"imageSizeBytes": "1", "tag": []})
        about["tag"] = [*_list(about["tag"]), tag]
    children = sorted({each.partition("/")[0] for each in below})
    return json_answer({"name": name, "tags": tags or [], "child": children, "manifest": manifests})


def _hub(content: Content, request: Request, namespace: str) -> Answer:
    """Repositories of a namespace; the next page by an absolute URL in the body."""
    names = _below(content, namespace)
    if not names:
        return json_answer({"message": "object not found"}, status=404)
    page, number, is_last = _numbered(names, request, "page_size")
    following = f"http://{request.headers['Host']}{request.path}?page={number + 1}&page_size={len(page)}"
    results = [{"name": name.partition("/")[2], "namespace": namespace, "is_private": False} for name in page]
    return json_answer({"count": len(names), "next": None if is_last else following, "results": results})


def _quay(content: Content, request: Request) -> Answer:
    """Public repositories of a namespace, none for one that is not there; the next page by a token."""
    if request.asked("public") != "true":
        return refuse(400, "invalid_request", "public: expected true")
    names = _below(content, request.asked("namespace"))
    start = int(request.asked("next_page").removeprefix("token+/") or "0")
    page = names[start : start + _PAGE_SIZE]
    token = {"next_page": f"token+/{start + _PAGE_SIZE}"} if start + _PAGE_SIZE < len(names) else {}
    named = [{"namespace": name.partition("/")[0], "name": name.partition("/")[2]} for name in page]
    return json_answer({"repositories": named, **token})


def _harbor_projects(content: Content, request: Request) -> Answer:
    projects = sorted({name.partition("/")[0] for name in content.repositories()})
    return _linked(projects, request, "page_size", lambda name: {"name": name})


def _harbor(content: Content, request: Request, project: str | None) -> Answer:
    """Projects, and the repositories of one."""
    if project is None:
        return _harbor_projects(content, request)
    names = _below(content, project)
    if not names:
        return refuse(403, "FORBIDDEN", "forbidden")
    return _linked(names, request, "page_size", lambda name: {"name": name, "artifact_count": 1})


def _gitlab(content: Content, request: Request, group: str) -> Answer:
    """Repositories of a group and of all groups below it."""
    names = _below(content, group)
    if not names:
        return json_answer({"message": "404 Group Not Found"}, status=404)
    return _linked(names, request, "per_page", lambda name: {"name": "", "path": name})


_ROUTES: dict[str, tuple[re.Pattern[str], Callable[..., Answer]]] = {
    "google": (re.compile("/v2/(.+)/tags/list"), _google),
    "hub": (re.compile("/v2/namespaces/([^/]+)/repositories"), _hub),
    "quay": (re.compile("/api/v1/repository"), _quay),
    "harbor": (re.compile("/api/v2.0/projects(?:/([^/]+)/repositories)?"), _harbor),
    "gitlab": (re.compile("/api/v4/groups/([^/]+)/registry/repositories"), _gitlab),
}


def _below(content: Content, first: str) -> list[str]:
    return [name for name in content.repositories() if name.startswith(f"{first}/")]


def _numbered(names: Sequence[str], request: Request, size_key: str) -> tuple[Sequence[str], int, bool]:
    """The page asked for, its number, and whether it is the last."""
    number, size = int(request.asked("page") or "1"), min(int(request.asked(size_key) or "10"), _PAGE_SIZE)
    return names[(number - 1) * size : number * size], number, number * size >= len(names)


def _linked(names: Sequence[str], request: Request, size_key: str, show: Callable[[str], object]) -> Answer:
    """A bare list, and the next page in the Link header."""
    page, number, is_last = _numbered(names, request, size_key)
    target = f"{quote(request.path)}?page={number + 1}&{size_key}={len(page)}"
    return json_answer([show(name) for name in page], {} if is_last else {"Link": f'<{target}>; rel="next"'})


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
