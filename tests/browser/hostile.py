"""Tricks that mail plays on pages which show it: scripts, styles, links, templates, formulas, and what Unicode hides.

Most are made of parts, so that each way out of a text meets each way to run something. Whatever runs sets `window.ran`,
calls `alert`, asks an address elsewhere, or changes how the page looks.
"""

from collections.abc import Iterator
from datetime import datetime
from itertools import product

from mailmine.model.comment import Comment, CommentAttachment, Message
from mailmine.model.ids import CommentId, ThreadId
from mailmine.refine import VERSION
from mailmine.store.comments import NewComment

RUN = "window.ran=1;alert(1)"
ELSEWHERE = "https://tracker.example/p.gif"

_WAYS_OUT = (
    "",
    '">',
    "'>",
    "</a>",
    "</title>",
    "</textarea>",
    "</script>",
    "-->",
    "]]>",
    "</style>",
)
_WAYS_IN = (
    f"<script>{RUN}</script>",
    f"<img src=x onerror={RUN}>",
    f"<svg onload={RUN}>",
    f"<svg><script>{RUN}</script></svg>",
    f"<svg><animate onbegin={RUN} attributeName=x dur=1s>",
    f"<body onpageshow={RUN}>",
    f"<details open ontoggle={RUN}>",
    f"<input autofocus onfocus={RUN}>",
    f"<video><source onerror={RUN}></video>",
    f"<math><mi xlink:href='javascript:{RUN}'>x</mi></math>",
    f"<iframe srcdoc='<script>parent.{RUN}</script>'></iframe>",
    f"<object data='javascript:{RUN}'></object>",
    f"<a href='javascript:{RUN}' id=trap>x</a>",
    f"<form action='javascript:{RUN}'><button>x</button></form>",
    f"<img src={ELSEWHERE}>",
    f"<link rel=stylesheet href={ELSEWHERE}>",
    f"<meta http-equiv=refresh content='0;url={ELSEWHERE}'>",
    "<style>main{display:none}</style>",
    "<base href=https://tracker.example/>",
    "<template><slot name=x>",
    "<dialog open>",
    "<plaintext>",
)

_ATTRIBUTES = tuple(
    f"{quote}{gap}{handler}={quote}{RUN}{quote}{gap}x={quote}"
    for quote, gap, handler in product(
        ('"', "'", "`"),
        (" ", "/", "\t", "\x0c"),
        ("onmouseover", "onfocus", "onerror", "style", "autofocus onfocus"),
    )
)

_LINKS = tuple(
    link.replace("RUN", RUN)
    for link in (
        "javascript:RUN",
        "JaVaScRiPt:RUN",
        "java\tscript:RUN",
        "java\nscript:RUN",
        "\x01javascript:RUN",
        "javascript&colon;RUN",
        "&#106;avascript:RUN",
        "data:text/html,<script>RUN</script>",
        "vbscript:msgbox(1)",
        "//tracker.example/p.gif",
        "\\\\tracker.example\\p.gif",
        "https://mailmine.example@tracker.example/",
        "https://m\u0430ilmine.example/",
        "mailto:a@b?bcc=c@d",
        "../../../sign-out",
        "?q=<script>RUN</script>&before=1",
        "#facets",
        "%00%0d%0aSet-Cookie:%20a=b",
        "a\r\nSet-Cookie: a=b\r\n\r\n<script>RUN</script>",
    )
)

_TEMPLATES = (
    "{{ 7 * 7 }}",
    "{{ config }}",
    "{% include '/etc/passwd' %}",
    "{# gone #}",
    "{{ ''.__class__.__mro__ }}",
    "${7*7}",
    "#{7*7}",
    "<%= 7*7 %>",
    "%s %n %(name)s {0.__class__}",
    "$(touch /tmp/ran)",
    "`touch /tmp/ran`",
    "'; DROP TABLE comments; --",
    '" OR 1=1 --',
    'words : "x" NEAR(',
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;alert(1)&#60;/script&#62;",
    "+ADw-script+AD4-alert(1)+ADw-/script+AD4-",
    "\\u003cscript\\u003ealert(1)\\u003c/script\\u003e",
    "\uff1cscript\uff1ealert(1)\uff1c/script\uff1e",
    "<scr\u200bipt>alert(1)</scr\u200bipt>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<ScRiPt >alert(1)</ScRiPt\t>",
    "<script\x0c>alert(1)</script>",
    "<!--><script>alert(1)</script>-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>",
    '{"__proto__": {"ran": 1}}',
)

_FORMULAS = (
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-1+1",
    "@SUM(1,1)",
    "\t=1+1",
    "\r=1+1",
    '=HYPERLINK("https://tracker.example","pay")',
    "\uff1d1+1",
    '","=1+1',
    "a\r\n=1+1",
)

_UNICODE = (
    "invoice\u202egpj.exe",
    "\u202e\u202d\u2066\u2067\u2068 turned \u2069",
    "\u202e" * 500 + "turned",
    "\u2066" * 500 + "open",
    "pay\u200bpal \u200c\u200d\u2060\ufeff",
    "\u0440\u0430\u0443\u0440\u0430l",
    "Z" + "\u0335\u0321\u034f\u0489" * 400,
    "\u0e49" * 400,
    "\ufdfd" * 60,
    "\U0001f468\u200d\U0001f469\u200d\U0001f467" * 40,
    "\u2028new line\u2029new paragraph",
    "\x1b[31mred\x1b[0m\x07\x08",
    "\x85\xa0\u3000\u00ad",
    "W" * 5_000,
    "\u0635\u0644\u0649 " * 200,
    "\ud7ff\ue000\uffff\U0010ffff",
    "a" + "\n" * 500 + "b",
    "\u115f\u1160\u3164\uffa0",
)

TRICKS: tuple[str, ...] = (
    *(out + way for out, way in product(_WAYS_OUT, _WAYS_IN)),
    *_ATTRIBUTES,
    *_LINKS,
    *_TEMPLATES,
    *_FORMULAS,
    *_UNICODE,
)


def letters(at: datetime) -> Iterator[NewComment]:
    """Write a comment for each trick, with others in its other places; all in one conversation but few."""
    number = len(TRICKS)
    for index, trick in enumerate(TRICKS):
        name, to, file, folder, kind = (
            TRICKS[(index + number * part // 6) % number] for part in range(1, 6)
        )
        comment = Comment(
            id=CommentId(f"{index:x}" if index % 3 else f"'\"&#{index:x}<b>"),
            timestamp=at,
            thread_id=ThreadId(trick[:200] if index % 10 else "one"),
            messages=(
                Message(
                    body=f"{trick}\n{kind}",
                    subject=trick,
                    signature=name,
                    from_=f"{name} <{index}@evil.example>"[:512],
                    to=(f"{to} <a@b.example>"[:512],),
                    language="en",
                ),
            ),
            user_properties={
                "string:Folder": f"{folder} (/ {folder})"[:2_000],
                "string:Mailbox": to[:200],
                f"string:{kind[:60]}": kind[:200],
                "string:Kind": kind[:200],
            },
            attachments=(CommentAttachment(name=file[:256], size=1, content_type=kind[:256]),),
        )
        yield NewComment(comment=comment, email_key=None, refined=VERSION)
