"""Layer formats: from the bytes of a blob to an `Archive`."""
