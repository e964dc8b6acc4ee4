"""The tree that clients see, one small class per level of the path."""
