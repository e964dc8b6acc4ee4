"""Files on the server's own disk: a folder that nothing outside of can be reached through, and image layouts in it."""
