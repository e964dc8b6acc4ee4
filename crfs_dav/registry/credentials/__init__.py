"""Where users keep what opens registries: Docker's and Podman's files, helpers, our own settings, Google's machines."""
