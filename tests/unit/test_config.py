"""Settings: the file, its defaults, and what is refused."""

from __future__ import annotations

from dataclasses import Field, fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from crfs_dav.config import BadConfig, CacheConfig, Config, LimitsConfig, RegistryConfig, is_loopback, load_config
from crfs_dav.formats.limits import Limits
from crfs_dav.names import Registry
from crfs_dav.upstream import layer_limits

SHIPPED = Path(__file__).parents[2] / "conf" / "crfs-dav.yaml"


def load(text: str, tmp_path: Path, **overrides: Any) -> Config:
    path = tmp_path / "crfs-dav.yaml"
    path.write_text(text)
    return load_config(path, overrides)


def test_shipped_file_says_the_defaults() -> None:
    assert load_config(SHIPPED, {}) == Config()


def test_shipped_file_lists_every_option() -> None:
    shipped = yaml.safe_load(SHIPPED.read_text())

    assert list(shipped) == list(Config.__struct_fields__)
    assert list(shipped["cache"]) == list(Config().cache.__struct_fields__)
    assert list(shipped["credentials"]) == list(Config().credentials.__struct_fields__)
    assert list(shipped["limits"]) == list(Config().limits.__struct_fields__)
    assert all(f"#   {option}:" in SHIPPED.read_text() for option in RegistryConfig.__struct_fields__)


def test_bounds_of_layers_have_the_same_defaults_for_all_who_read_them() -> None:
    assert layer_limits(Config().limits) == Limits()


@pytest.mark.parametrize("field", fields(Limits))
def test_every_bound_of_a_layers_size_can_be_set(field: Field[int]) -> None:
    of_systems = {"name", "component", "depth"}  # what file systems hold
    of_repairs = {"repairs", "repair_reads", "repair_range", "repair_member"}
    options = LimitsConfig.__struct_fields__[3:]
    changed = [option for option in options if getattr(layer_limits(LimitsConfig(**{option: 11})), field.name) == 11]

    assert len(changed) == (field.name not in of_systems | of_repairs)


def test_shipped_file_explains_every_option() -> None:
    lines = SHIPPED.read_text().splitlines()
    options = [number for number, line in enumerate(lines) if line.strip() and line.lstrip(" ")[0] not in "#\n"]
    top = [number for number in options if not lines[number].startswith("  ") and not lines[number].endswith(":")]

    assert top
    assert all(lines[number - 1].startswith("#") for number in top)


def test_empty_file_is_all_defaults(tmp_path: Path) -> None:
    assert load("", tmp_path) == Config()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prot: 8080", "unknown field `prot`"),
        ("port: http", "Expected `int`, got `str` - at `$.port`"),
        ("port: 70000", "<= 65535"),
        ("threads: 0", ">= 1"),
        ("- 1", "list; expected a YAML mapping of options"),
        ("port: [", "expected YAML"),
        ("!!python/object:os.system {}", "expected YAML"),
        ("platform: linux", "platform: 'linux'; expected os/architecture"),
        ("registries: {my: }", "registry: 'my'; expected a dot or a port in it"),
        ("registries: {a.b: {repositories: [A]}}", "repository: 'A'"),
        ("registries: {a.b: {scheme: ftp}}", "Invalid enum value 'ftp'"),
        ("registries: {a.b: {username: me}}", "username without a password"),
        ("registries: {a.b: {password_env: ME}}", "expected one of them, and a username"),
        ("registries: {a.b: {username: me, password_env: ME, password_file: x}}", "expected one of them"),
        ("registries: {a.b: {client_key: x}}", "client_key without a client_certificate"),
        ("registries: {a.b: {insecure: true, ca_bundle: x}}", "insecure and a ca_bundle; expected one of them"),
        ("registries: {a.b: {mirrors: ['ftp://c.d']}}", "mirror: 'ftp://c.d'; expected [https://]host"),
        ("registries: {a.b: {mirrors: ['c.d/A']}}", "mirror: 'c.d/A'"),
        ("registries: {a.b: {password: secret}}", "unknown field `password`"),
        ("allow: all", "Invalid enum value 'all'"),
        ("cache: {disk_bytes: -1}", ">= 0"),
        ("host: 0.0.0.0\nanonymous: true", "expected `registries` to name what may be reached"),
        ("host: 0.0.0.0\nregistries: {a.b: }", "expected `anonymous: true`"),
        ("host: '::'\nregistries: {a.b: }", "expected `anonymous: true`"),
    ],
)
def test_bad_settings_are_refused_in_one_line(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(BadConfig) as caught:
        load(text, tmp_path)

    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match=r"nowhere\.yaml: No such file"):
        load_config(tmp_path / "nowhere.yaml", {})


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes(b"\xff\xfe")

    with pytest.raises(BadConfig, match="not UTF-8"):
        load_config(tmp_path / "x.yaml", {})


def test_an_endless_file_is_refused() -> None:
    with pytest.raises(BadConfig):
        load_config(Path("/dev/zero"), {})


def test_open_to_the_network_with_registries_named_and_anonymous_said(tmp_path: Path) -> None:
    config = load("host: 0.0.0.0\nanonymous: true\nregistries: {a.b: }", tmp_path)

    assert list(config.named_registries()) == [Registry("a.b")]


def test_overrides_win_over_the_file(tmp_path: Path) -> None:
    config = load("port: 1\ncache: {disk_bytes: 5}", tmp_path, port=2, cache={"directory": "/x"})

    assert (config.port, config.cache.disk_bytes, config.cache_directory()) == (2, 5, Path("/x"))


def test_registries_given_replace_the_well_known_ones(tmp_path: Path) -> None:
    config = load("", tmp_path, registries={"127.0.0.1:5000": {"scheme": "http"}})

    assert dict(config.named_registries()) == {Registry("127.0.0.1", 5000): RegistryConfig(scheme="http")}


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "[::1]", "localhost"])
def test_loopback_addresses_are_known(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.com", "", "localhost.example.com"])
def test_addresses_that_others_reach_are_known(host: str) -> None:
    assert not is_loopback(host)


def test_cache_lies_in_the_users_cache_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")

    assert Config().cache_directory() == Path("/somewhere/crfs-dav")


def test_settings_are_frozen() -> None:
    with pytest.raises(AttributeError):
        Config().port = 1  # type: ignore[misc]


def test_workers_share_the_memory_that_is_set() -> None:
    config = load_config(None, {"workers": 4, "cache": {"chunk_bytes": 400, "range_bytes": 40, "disk_bytes": 4000}})

    share = config.of_one_worker()

    assert (share.cache.chunk_bytes, share.cache.range_bytes, share.cache.disk_bytes) == (100, 10, 4000)
    assert share.cache.listing_bytes == CacheConfig().listing_bytes // 4
    assert config.cache.chunk_bytes == 400


def test_several_workers_are_refused_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crfs_dav.config.os.name", "nt")

    with pytest.raises(BadConfig, match="workers: 2 on Windows; expected 1"):
        load_config(None, {"workers": 2})
