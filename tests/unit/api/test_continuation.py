import pytest
from hypothesis import given, strategies as st

from mailmine.api import continuation
from mailmine.api.errors import BadRequestError


@given(st.integers(-(2**63), 2**63 - 1))
def test_a_place_is_found_again(place: int) -> None:
    assert continuation.read(continuation.write(place)) == place


@given(st.text())
def test_what_we_did_not_give_is_refused(token: str) -> None:
    try:
        place = continuation.read(token)
    except BadRequestError:
        return
    assert place is not None
    assert continuation.write(place) == token


@pytest.mark.parametrize("token", ["", "!", "MTI", "MTI=", "MDEy", "IDEy", "a" * 100])
def test_examples_of_it(token: str) -> None:
    if token == "MTI":
        assert continuation.read(token) == 12
    else:
        with pytest.raises(BadRequestError, match="continuation"):
            continuation.read(token)
