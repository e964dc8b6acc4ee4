"""`python -m crfs_dav`."""

from crfs_dav.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
