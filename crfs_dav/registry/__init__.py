"""The HTTP client: sessions, authentication, manifests, listings, blobs by range."""
