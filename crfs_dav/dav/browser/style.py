"""How pages look, and the headers that let nothing but this style sheet take part in them."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256

from crfs_dav.dav.response import Header

STYLE = """
:root{color-scheme:light dark;--bg:#f4f6f9;--card:#fff;--text:#1a2330;--dim:#566173;--line:#dde3ea;--soft:#eef2f7;
--link:#0b57c9;--dir:#2f6fde;--file:#66738a;--run:#1d7f4f;--odd:#a15c00;--round:10px}
@media(prefers-color-scheme:dark){:root{--bg:#0e131a;--card:#161d27;--text:#e4e9f1;--dim:#9dabbe;--line:#2a3442;
--soft:#1e2733;--link:#8ab8ff;--dir:#7aa9f7;--file:#93a1b5;--run:#6fcf9c;--odd:#e3ab5c}}
*{box-sizing:border-box}
body{font:16px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif;background:var(--bg);color:var(--text);margin:0}
header,main,footer{max-width:66rem;margin:0 auto;padding:0 1.25rem}
header{padding-top:1.25rem}
.skip{position:absolute;left:-999px}.skip:focus{position:static}
a{color:var(--link);text-underline-offset:.18em}
:focus-visible{outline:3px solid var(--link);outline-offset:2px;border-radius:4px}
.path{display:flex;flex-wrap:wrap;list-style:none;margin:0;padding:0;row-gap:.1rem}
.path li{display:flex;align-items:center;overflow-wrap:anywhere}
.path li:not(:last-child)::after{content:"/";color:var(--dim);padding:0 .45rem}
.path a{text-decoration:none}.path a:hover{text-decoration:underline}
.home{font-weight:700;display:inline-flex;align-items:center;gap:.45rem}
.home .i{margin:0;color:inherit;width:1.4em;height:1.4em}
h1{font-size:1.6rem;line-height:1.25;margin:.6rem 0 1rem;overflow-wrap:anywhere}
h2{font-size:1.05rem;margin:0 0 .7rem}
.card{background:var(--card);border:1px solid var(--line);border-radius:var(--round);margin:0 0 1.25rem;
padding:1rem 1.25rem}
.flat{padding:0;overflow:hidden}
table{border-collapse:collapse;width:100%}
.path{line-height:1.7}
th{text-align:left;color:var(--dim);font-weight:500;font-size:.85rem}
th,td{padding:.45rem .6rem;border-bottom:1px solid var(--line);vertical-align:top}
tr:last-child td{border-bottom:0}
th:first-child,td:first-child{padding-left:1.25rem}th:last-child,td:last-child{padding-right:1.25rem}
tbody tr:hover{background:var(--soft)}
.name{overflow-wrap:anywhere;width:100%}
.name a{display:inline-flex;align-items:flex-start;text-decoration:none}.name a:hover{text-decoration:underline}
.to{color:var(--dim);font-size:.85rem;padding-left:1.75rem}
.size{white-space:nowrap}
.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums;color:var(--dim)}
svg{width:1.15em;height:1.15em;flex:none;fill:currentColor;vertical-align:-.2em}
.name .i{margin-top:.2em}
.i{margin-right:.6em;color:var(--file)}.dir{color:var(--dir)}.run{color:var(--run)}.odd{color:var(--odd)}
.load{display:inline-block;padding:0 .5rem;margin:0 -.5rem}.load .i{margin:0;color:var(--link);width:1.3em;height:1.3em}
.sprite{position:absolute;width:0;height:0}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.4rem 1.5rem;margin:0;align-items:baseline}
dt{color:var(--dim)}dd{margin:0;min-width:0;overflow-wrap:anywhere}
dd>*{display:block}
code,pre{font:.875rem/1.5 ui-monospace,"SF Mono",Consolas,"DejaVu Sans Mono",monospace}
.wide{overflow-x:auto;margin:0 -1.25rem -1rem}
.wide td{min-width:5rem;overflow-wrap:anywhere}.wide td.c{min-width:14rem}
.cut{display:block;max-width:11rem;overflow:hidden;text-overflow:ellipsis;white-space:nowrap;user-select:all}
details>summary{cursor:pointer;font-weight:600}details[open]>summary{margin-bottom:.7rem}
.copy{display:block;background:var(--soft);border:1px solid var(--line);border-radius:6px;padding:.45rem .7rem;
overflow-wrap:anywhere;user-select:all}
.text{margin:0;padding:1rem 1.25rem;white-space:pre-wrap;overflow-wrap:anywhere;tab-size:8}
.bar{display:flex;flex-wrap:wrap;gap:.6rem;margin:0 0 1.25rem}
.button{background:var(--card);border:1px solid var(--line);border-radius:6px;padding:.4rem .9rem;
text-decoration:none;color:var(--text)}
.button:hover{background:var(--soft)}
.note,footer{color:var(--dim);font-size:.9rem}.note{margin:0 0 .9rem}
.said{overflow-wrap:anywhere}
.status{font-size:3.5rem;line-height:1;font-weight:700;color:var(--dim);margin:.6rem 0 0}
footer{padding-bottom:2rem}
@media(max-width:42rem){header,main,footer{padding-left:.8rem;padding-right:.8rem}h1{font-size:1.3rem}
.late,.hour{display:none}th,td{padding:.55rem .4rem}th:first-child,td:first-child{padding-left:.8rem}
th:last-child,td:last-child{padding-right:.5rem}.card:not(.flat){padding:.9rem}.wide{margin:0 -.9rem -.9rem}
.wide td.c{min-width:10rem}
dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.6rem}}
@media(prefers-contrast:more){:root{--dim:var(--text);--line:currentColor}}
"""
ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24' fill='%230b57c9'%3E"
    "%3Cpath d='M12 2 2 7l10 5 10-5zM2 11v2l10 5 10-5v-2l-10 5zm0 5v2l10 5 10-5v-2l-10 5z'/%3E%3C/svg%3E"
)
_HASH = b64encode(sha256(STYLE.encode()).digest()).decode()
_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)

PAGE_HEADERS: tuple[Header, ...] = (
    ("Content-Type", "text/html; charset=utf-8"),
    ("Content-Security-Policy", _POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cache-Control", "private, no-cache"),  # a page says by which address its reader came
)
