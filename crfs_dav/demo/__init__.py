"""A small registry inside the process and the sample image that it holds: for trying out, and for the tests."""
