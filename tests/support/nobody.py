"""The environment of somebody who never logged in anywhere: no test reads the credentials of who runs it."""

from __future__ import annotations

NOBODY = {
    "DOCKER_AUTH_CONFIG": "",
    "DOCKER_CONFIG": "/nonexistent",
    "REGISTRY_AUTH_FILE": "",
    "XDG_CONFIG_HOME": "/nonexistent",
    "XDG_RUNTIME_DIR": "/nonexistent",
}
