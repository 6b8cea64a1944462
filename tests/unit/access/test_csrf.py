from hypothesis import given, strategies as st

from mailmine.access import csrf


def test_a_form_of_this_session_is_taken() -> None:
    assert csrf.is_valid("session", csrf.token("session"))


def test_a_form_of_another_session_is_not() -> None:
    assert not csrf.is_valid("session", csrf.token("another"))


@given(st.text() | st.none())
def test_anything_else_is_not(given_: str | None) -> None:
    assert not csrf.is_valid("session", given_)


def test_the_browser_tells_where_a_sign_in_comes_from() -> None:
    assert not csrf.is_cross_site({"sec-fetch-site": "same-origin"})
    assert not csrf.is_cross_site({"sec-fetch-site": "none"})
    assert csrf.is_cross_site({"sec-fetch-site": "cross-site"})
    assert csrf.is_cross_site({"sec-fetch-site": "same-site"})


def test_an_old_browser_is_believed_unless_it_hides_where_it_is() -> None:
    assert not csrf.is_cross_site({})
    assert not csrf.is_cross_site({"origin": "https://mail.example.com"})
    assert csrf.is_cross_site({"origin": "null"})
