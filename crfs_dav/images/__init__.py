"""References to opened images: the only place that knows registry, formats, cache and tree at once."""
