"""Registry, repository, reference and digest: text to values and back. Pure: nothing here asks anyone.

Grammar: distribution/reference `reference.go`; digests: OCI image-spec `descriptor.md`, "Digests".
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from ipaddress import ip_address

from crfs_dav.errors import BadName

DOCKER_HUB = "docker.io"
_DOCKER_HUB_ALIASES = frozenset({DOCKER_HUB, "index.docker.io", "registry-1.docker.io"})

_HEX_DIGITS = {"sha256": 64, "sha512": 128}
_NAME_LIMIT = 255
_KEPT = 1024  # parsed names of registries and of repositories: every request needs the same few
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_REGISTRY = re.compile(rf"(?P<host>{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:]+\])(?:[:_](?P<port>[0-9]{{1,5}}))?")
_COMPONENT = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """A content digest: sha256 or sha512, the two that the image specification registers."""

    algorithm: str
    hex: str

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"

    @property
    def file_name(self) -> str:
        """The digest as one path component: `sha256-<hex>`."""
        return f"{self.algorithm}-{self.hex}"

    def matches(self, data: bytes) -> bool:
        """True if `data` has this digest."""
        return hashlib.new(self.algorithm, data).hexdigest() == self.hex


@dataclass(frozen=True)
class Registry:
    """A registry by `host[:port]`, lower case, IPv6 in brackets; Docker Hub's several hosts are all `docker.io`."""

    host: str
    port: int | None = None

    def __str__(self) -> str:
        return self.host if self.port is None else f"{self.host}:{self.port}"

    @property
    def api_host(self) -> str:
        """`host[:port]` to connect to: Docker Hub answers its API under another name than its own."""
        return "registry-1.docker.io" if self.host == DOCKER_HUB else str(self)

    @cached_property
    def is_loopback(self) -> bool:
        """True if the name itself says that the registry is on this machine; no name is looked up."""
        if self.host == "localhost" or self.host.endswith(".localhost"):
            return True
        return self._is_address("is_loopback")

    @cached_property
    def is_private(self) -> bool:
        """True for loopback names and literal private addresses (RFC 1918, RFC 4193)."""
        return self.is_loopback or self._is_address("is_private")

    def _is_address(self, property_name: str) -> bool:
        try:
            address = ip_address(self.host.strip("[]"))
        except ValueError:
            return False
        return bool(getattr(address, property_name))


@dataclass(frozen=True)
class Repository:
    """A repository: its registry and its name of one or more components."""

    registry: Registry
    name: str

    def __str__(self) -> str:
        return f"{self.registry}/{self.name}"

    def scope(self, action: str = "pull") -> str:
        """Scope to ask a token for (distribution, "Token Scope Documentation")."""
        return f"repository:{self.name}:{action}"


@dataclass(frozen=True)
class Reference:
    """A manifest of a repository, by tag or by digest: exactly one of them is set."""

    repository: Repository
    tag: str | None = None
    digest: Digest | None = None

    def __post_init__(self) -> None:
        if (self.tag is None) == (self.digest is None):
            raise BadName(f"reference in {self.repository}: tag {self.tag}, digest {self.digest}; expected one of them")

    def __str__(self) -> str:
        return f"{self.repository}:{self.tag}" if self.digest is None else f"{self.repository}@{self.digest}"

    @property
    def identifier(self) -> str:
        """The tag, or the digest: what stands after `/manifests/`."""
        return str(self.digest or self.tag)


def parse_digest(text: str) -> Digest:
    """Digest spelled `sha256:<hex>`; raises BadName for other algorithms too."""
    algorithm, _, hex_digits = text.partition(":")
    return _checked_digest(algorithm, hex_digits, text)


def parse_digest_file_name(text: str) -> Digest:
    """Digest spelled as a path component, `sha256-<hex>`; raises BadName."""
    algorithm, _, hex_digits = text.partition("-")
    return _checked_digest(algorithm, hex_digits, text)


def digest_of(data: bytes) -> Digest:
    """The sha256 digest of `data`."""
    return Digest("sha256", hashlib.sha256(data).hexdigest())


def _checked_digest(algorithm: str, hex_digits: str, text: str) -> Digest:
    if len(hex_digits) != _HEX_DIGITS.get(algorithm) or not re.fullmatch("[0-9a-f]+", hex_digits):
        raise BadName(f"digest: {text[:150]!r}; expected sha256 or sha512 and its hex digits")
    return Digest(algorithm, hex_digits)


@lru_cache(_KEPT)
def parse_registry(text: str) -> Registry:
    """Registry spelled `host`, `host:port` or, where file names cannot hold a colon, `host_port`; raises BadName.

    A registry is told from a path component the way docker does it: by a dot, a port, brackets, or `localhost`.
    """
    match = _REGISTRY.fullmatch(text)
    if match is None or len(text) > _NAME_LIMIT:
        raise BadName(f"registry: {text[:150]!r}; expected host or host:port")
    host, port = match["host"].lower(), match["port"]
    if port is None and "." not in host and host != "localhost" and not host.startswith("["):
        raise BadName(f"registry: {text[:150]!r}; expected a dot or a port in it")
    if port is not None and not 0 < int(port) < 65536:
        raise BadName(f"registry port: {port}; expected 1 to 65535")
    if host.startswith("["):
        _check_ipv6(host)
    if host in _DOCKER_HUB_ALIASES and port is None:
        host = DOCKER_HUB
    return Registry(host, None if port is None else int(port))


def _check_ipv6(host: str) -> None:
    try:
        ip_address(host[1:-1])
    except ValueError:
        raise BadName(f"registry: {host!r}; expected an IPv6 address in brackets") from None


def is_component(text: str) -> bool:
    """True if `text` can be one component of a repository name."""
    return len(text) <= _NAME_LIMIT and _COMPONENT.fullmatch(text) is not None


def is_tag(text: str) -> bool:
    """True if `text` can be a tag."""
    return _TAG.fullmatch(text) is not None


@lru_cache(_KEPT)
def parse_repository(registry: Registry, name: str) -> Repository:
    """Repository `name` of `registry`; on Docker Hub a single component means `library/<name>`; raises BadName."""
    if len(name) > _NAME_LIMIT or not all(map(is_component, name.split("/"))):
        raise BadName(f"repository: {name[:150]!r}; expected lower-case components separated by slashes")
    if registry.host == DOCKER_HUB and "/" not in name:
        name = f"library/{name}"
    return Repository(registry, name)


def parse_reference(text: str) -> Reference:
    """Reference spelled `[registry/]name[:tag][@digest]`, by default of Docker Hub and tag `latest`; raises BadName."""
    rest, at, digest = text.partition("@")
    first, slash, name = rest.partition("/")
    if not slash or not (set(first) & set(".:[") or first == "localhost"):
        first, name = DOCKER_HUB, rest
    name, colon, tag = name.partition(":")
    repository = parse_repository(parse_registry(first), name)
    if colon and not is_tag(tag):
        raise BadName(f"tag: {tag[:150]!r}; expected letters, digits, '_', '.', '-'")
    if at:
        return Reference(repository, digest=parse_digest(digest))
    return Reference(repository, tag=tag if colon else "latest")
