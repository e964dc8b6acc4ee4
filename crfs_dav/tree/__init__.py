"""Directories and files: a layer as a tree, layers merged, links followed."""
