"""Pages for people, of plain HTML and CSS: listings, images, previews, errors. WebDAV clients never ask for them.

Names and contents come from archives: all are escaped, kept apart by `bdi` (a name may hold right-to-left marks), and
nothing on a page runs or loads. Links are relative, so that pages work behind any proxy prefix.
"""
