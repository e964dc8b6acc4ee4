"""The WSGI app under cheroot, in one process or several."""
