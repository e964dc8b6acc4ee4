"""Whether a registry lets us in, with what, and what it then lists: for people who wonder why it does not."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import Literal, TypeAlias

from crfs_dav.errors import AccessDenied, Corrupt, CrfsError, NotFound, Unavailable
from crfs_dav.names import Registry, Repository
from crfs_dav.registry.challenge import Challenge
from crfs_dav.registry.check import error_of
from crfs_dav.registry.client import RegistryClient
from crfs_dav.registry.connect import open_transport
from crfs_dav.registry.credentials.secret import Found
from crfs_dav.registry.listers.choose import Listers, known_kind
from crfs_dav.registry.settings import ListingKind, RegistrySettings
from crfs_dav.registry.transport import Call, Transport
from crfs_dav.registry.urls import shown

State: TypeAlias = Literal["open", "accepted", "anonymous", "refused", "unreachable"]

_FIRST = 3  # names that are shown of a listing


@dataclass(frozen=True, slots=True)
class Names:
    """The first names of a listing, or why there is none."""

    kind: ListingKind
    first: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class LoginCheck:
    """What came of it; no text of it holds a secret."""

    url: str
    challenges: tuple[str, ...]
    state: State
    reason: str = ""
    names: Names | None = None


def check_login(
    settings: RegistrySettings, registry: Registry, repository: Repository | None, found: Found | None
) -> LoginCheck:
    """How `registry` answers with the credentials `found`, asked for `repository` or, without, for its root."""
    transport = open_transport(settings)
    with RegistryClient(transport, Listers(settings.listings, settings.credentials)) as client:
        try:
            endpoint, challenges = transport.greet(registry, transport.deadline())
        except AccessDenied as error:
            return LoginCheck("", (), "refused", str(error))
        except (NotFound, Unavailable, Corrupt) as error:
            return LoginCheck("", (), "unreachable", str(error))
        said = tuple(map(_spelled, challenges))
        state, reason = _ask(transport, registry, repository)
        if state == "refused":
            return LoginCheck(endpoint.url(), said, state, reason)
        if state != "unreachable" and not challenges:
            state = "open"
        elif state == "accepted" and (found is None or not endpoint.is_trusted):
            state = "anonymous"
            reason = (
                "" if found is None else "credentials are kept back from http; expected `scheme: http` to send them"
            )
        return LoginCheck(endpoint.url(), said, state, reason, _names(client, settings, registry))


def _ask(transport: Transport, registry: Registry, repository: Repository | None) -> tuple[State, str]:
    path = "" if repository is None else f"{repository.name}/tags/list?n=1"
    call = Call(registry, path, "" if repository is None else repository.scope())
    try:
        with transport.ask(call, transport.deadline()) as reply:
            if reply.status == 200:
                return "accepted", ""
            error = error_of(reply, 200)
    except CrfsError as failure:
        error = failure
    return ("refused" if isinstance(error, AccessDenied | NotFound) else "unreachable"), str(error)


def _names(client: RegistryClient, settings: RegistrySettings, registry: Registry) -> Names:
    configured = settings.listings.get(registry)
    kind = configured.kind if configured is not None else known_kind(registry)
    try:
        level = client.level(registry)
        return Names(kind, tuple(islice(level.names, _FIRST)), level.reason)
    except CrfsError as error:
        return Names(kind, (), str(error))


def _spelled(challenge: Challenge) -> str:
    realm = challenge.parameters.get("realm", "")
    return f"{challenge.scheme.capitalize()} {shown(realm)}".rstrip()
