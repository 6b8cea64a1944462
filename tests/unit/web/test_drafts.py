import pytest

from mailmine.web.drafts import Draft, merge, proven

SHOWN = {"title": "A", "start": "", "deny": "x\ny"}


def test_what_nobody_else_changed_is_as_it_was_typed() -> None:
    draft = merge({"title": "B", "start": "", "deny": ""}, SHOWN, SHOWN)
    assert draft.values == {"title": "B", "start": "", "deny": ""}
    assert not draft.is_outrun


def test_what_only_others_changed_is_taken_over() -> None:
    draft = merge({**SHOWN, "title": "B"}, SHOWN, {**SHOWN, "start": "2026-01-01"})
    assert draft.values == {**SHOWN, "title": "B", "start": "2026-01-01"}
    assert draft.taken == ("start",)
    assert draft.theirs == {}
    assert draft.is_outrun


def test_where_both_changed_the_typed_stands_and_the_saved_is_told() -> None:
    draft = merge({**SHOWN, "title": "B"}, SHOWN, {**SHOWN, "title": "C"})
    assert draft.value("title") == "B"
    assert draft.theirs == {"title": "C"}
    again = merge(draft.values, draft.shown, {**SHOWN, "title": "C"})
    assert not again.is_outrun


def test_the_same_change_by_both_is_none() -> None:
    changed = {**SHOWN, "title": "B"}
    assert not merge(changed, SHOWN, changed).is_outrun


def test_what_was_shown_comes_back_as_it_was() -> None:
    odd = {"title": 'a"b</script>\u2028', "deny": "x\ny"}
    assert proven(Draft.fresh(odd).proof) == odd


@pytest.mark.parametrize("text", ["", "{", "[]", '{"a": 1}', "null"])
def test_nonsense_proves_nothing(text: str) -> None:
    assert proven(text) is None
