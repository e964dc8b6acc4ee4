from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crfs_dav.dav.windows import spell, spell_all, unspell
from tests.support.windows import is_acceptable

TROUBLE = [*'<>:"\\|?*%aAuUxXcoCON1.% \t\n\x7f‛：％．␠␡␊ＡａｃＣ２é', "\udcff", "\udcc3", "AUX", "%41", "‛FF"]
NAMES = st.lists(
    st.sampled_from(TROUBLE) | st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1
)


def names() -> st.SearchStrategy[str]:
    """Names as they come from archives: bytes read as UTF-8 with surrogateescape."""
    texts = NAMES.map(
        lambda parts: "".join(parts).encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
    )
    return texts.filter(lambda name: name not in (".", ".."))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("plain.txt", "plain.txt"),
        ("127.0.0.1:5000", "127.0.0.1：5000"),
        ("libc6:amd64.list", "libc6：amd64.list"),
        ("100%", "100%"),
        ("x%20y", "x％20y"),
        ('<>:"\\|?*', "＜＞：＂＼｜？＊"),
        ("tab\there", "tab␉here"),
        ("del\x7f", "del␡"),
        ("ends.", "ends．"),
        ("ends..", "ends.．"),
        ("ends ", "ends␠"),
        ("...", "..．"),
        ("aux", "ａux"),
        ("CON.tar.gz", "ＣON.tar.gz"),
        ("com1 .txt", "ｃom1 .txt"),
        ("console", "console"),
        ("com10", "com10"),
        ("\udcff", "‛FF"),
        ("：", "‛："),
        ("‛", "‛‛"),
        ("ａux", "‛ａux"),
        ("ａuxiliary", "ａuxiliary"),
        ("-.mount", "-.mount"),
        ("日本語", "日本語"),
    ],
)
def test_a_name_is_spelled_as_windows_can_hold_it(name: str, text: str) -> None:
    assert spell(name) == text
    assert unspell(text) == (None if text == name else name)


@given(names())
@example("‛２")
@example("\udcff.")
@example("％.")
def test_any_name_can_be_held_and_comes_back(name: str) -> None:
    text = spell(name)

    assert is_acceptable(text)
    assert (unspell(text) or text) == name


@given(st.lists(names(), unique=True, max_size=8))
@example(["Foo", "foo", "FOO"])
@example(["a.txt", "A.txt", "A.TXT", "a‛２.txt"])
@example(["AUX", "aux", "ａux", "Aux."])
def test_twins_differ_and_each_comes_back(listed: list[str]) -> None:
    texts = list(spell_all(listed))

    assert len({text.upper() for text in texts}) == len(listed)
    assert all(map(is_acceptable, texts))
    assert [unspell(text) or text for text in texts] == listed


def test_the_first_twin_keeps_its_spelling_whatever_the_order() -> None:
    assert list(spell_all(["foo.txt", "Foo.txt", "x"])) == ["foo‛２.txt", "Foo.txt", "x"]


@pytest.mark.parametrize(
    "text", ["‛2F", "‛", "x‛ff", "．．", "．", "‛41", "x‛２y‛３", "a：b‛２.c.d", "plain", "/", "foo‛１"]
)
def test_a_text_that_is_nobodys_spelling_has_no_name(text: str) -> None:
    assert unspell(text) is None


@given(st.text(TROUBLE[0] + "‛％．：ａuxABF２.0/", max_size=12))
def test_any_text_has_at_most_one_name_and_it_is_one(text: str) -> None:
    name = unspell(text)

    assert name is None or (name not in ("", ".", "..") and "/" not in name and "\0" not in name)
