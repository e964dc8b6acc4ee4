"""`crfs-dav`: the command line. Each command's module is loaded only when it runs, so that help comes at once."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from crfs_dav import __version__
from crfs_dav.cli.convert_usage import add_convert
from crfs_dav.errors import CrfsError

EXIT_USAGE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code of the command: 0 done, 2 wrong usage, configuration or address; anything else raises."""
    options = _parser().parse_args(arguments)
    try:
        return int(import_module(f"crfs_dav.cli.{options.command.replace('-', '_')}").run(options))
    except CrfsError as error:
        print(f"crfs-dav {options.command}: {error}", file=sys.stderr)
        return EXIT_USAGE


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line instead of argparse's whole usage."""
        self.exit(EXIT_USAGE, f"{self.prog}: {message}; see {self.prog} --help\n")


def _parser() -> _Parser:
    parser = _Parser(
        prog="crfs-dav",
        description="Container images as files: browse and mount images of any registry over WebDAV, without a pull.",
        epilog="Start with: crfs-dav serve --demo",
    )
    parser.add_argument("--version", action="version", version=f"crfs-dav {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _add_serve(commands)
    _add_mount_help(commands)
    _add_inspect(commands)
    _add_login_check(commands)
    add_convert(commands)
    _add_index(commands)
    return parser


def _add_serve(commands: argparse._SubParsersAction[_Parser]) -> None:
    serve = commands.add_parser(
        "serve",
        help="serve registries as a WebDAV share",
        description="Serve registries as a read-only WebDAV share, until Ctrl-C. By default on http://127.0.0.1:8080/, "
        "without authentication, for programs of this machine only.",
    )
    serve.add_argument("--demo", action="store_true", help="serve a sample image from a registry inside the process")
    serve.add_argument("--config", type=Path, metavar="FILE", help="YAML file with settings; see conf/crfs-dav.yaml")
    serve.add_argument("--host", metavar="ADDRESS", help="address to listen on (default: 127.0.0.1)")
    serve.add_argument("--port", type=int, metavar="PORT", help="port to listen on, 0 for any free one (default: 8080)")
    serve.add_argument("--workers", type=int, metavar="N", help="processes that share the work (default: 1)")
    serve.add_argument(
        "--registry",
        action="append",
        metavar="[http://]HOST[:PORT]",
        help="registry to list, in place of the well-known ones; may be given several times. "
        "http is found by trying for registries of this machine and private addresses",
    )
    serve.add_argument("--local", metavar="DIR", help="folder of archives and image layouts to show as `local`")
    serve.add_argument("--cache-dir", metavar="DIR", help="folder of the disk cache (default: the user's cache folder)")
    serve.add_argument(
        "-v", "--verbose", action="count", default=0, help="log requests; twice: those to registries too"
    )


def _add_mount_help(commands: argparse._SubParsersAction[_Parser]) -> None:
    mount_help = commands.add_parser(
        "mount-help",
        help="say how to mount a running server, or one image of it",
        description="Print the command that mounts a running server on this system: all of it, or the merged image "
        "that REFERENCE names.",
    )
    mount_help.add_argument(
        "reference", nargs="?", metavar="REFERENCE", help="image, like 127.0.0.1:5000/my/ubuntu:18.04"
    )
    mount_help.add_argument(
        "--url", default="http://127.0.0.1:8080/", metavar="URL", help="the server's address (default: %(default)s)"
    )
    mount_help.add_argument("--all", action="store_true", help="print the commands of all systems")


def _add_inspect(commands: argparse._SubParsersAction[_Parser]) -> None:
    inspect = commands.add_parser(
        "inspect",
        help="say what an image is, and how each of its layers can be read",
        description="Print an image's platforms, layers and sizes; of each layer its format, whether it can be read "
        "file by file, by what, or why not; and the requests and bytes that this took. No layer is read through. "
        "Exit code 1 where the image or one of its layers cannot be had.",
    )
    inspect.add_argument("reference", metavar="REFERENCE", help="image, like 127.0.0.1:5000/my/ubuntu:18.04")
    inspect.add_argument("--platform", metavar="OS/ARCH[/VARIANT]", help="of an index, the image to look into")
    inspect.add_argument("--json", action="store_true", help="print JSON")
    inspect.add_argument("--config", type=Path, metavar="FILE", help="YAML file with settings; see conf/crfs-dav.yaml")


def _add_login_check(commands: argparse._SubParsersAction[_Parser]) -> None:
    login_check = commands.add_parser(
        "login-check",
        help="say which credentials are used for a registry, and what it says to them",
        description="Ask a registry, or a repository of it, with the credentials that serve would use; say where those "
        "were found, and what the registry lists. No secret is shown. Exit codes: 0 it lets us in, 1 it refuses, "
        "2 wrong usage or settings, 3 it does not answer.",
    )
    login_check.add_argument("registry", metavar="REGISTRY[/REPOSITORY]", help="like ghcr.io, or ghcr.io/owner/image")
    login_check.add_argument("--config", type=Path, metavar="FILE", help="YAML file with settings")
    login_check.add_argument("--json", action="store_true", help="print JSON")


def _add_index(commands: argparse._SubParsersAction[_Parser]) -> None:
    index = commands.add_parser(
        "index",
        help="make the indexes of an image ahead of time",
        description="Read the layers of an image through that have no table of contents, and keep their indexes in the "
        "cache folder, so that nobody has to wait for that. Prints a line for each layer. Exit code 1 where the image "
        "cannot be had, or one of its layers cannot be read file by file.",
    )
    index.add_argument("reference", metavar="REFERENCE", help="image, like 127.0.0.1:5000/my/ubuntu:18.04")
    index.add_argument("--platform", metavar="OS/ARCH[/VARIANT]", help="of an image for several, the one to index")
    index.add_argument("--json", action="store_true", help="print JSON")
    index.add_argument("--quiet", action="store_true", help="print errors only")
    index.add_argument("--config", type=Path, metavar="FILE", help="YAML file with settings; see conf/crfs-dav.yaml")
    index.add_argument("--cache-dir", metavar="DIR", help="folder of the disk cache (default: the user's cache folder)")
