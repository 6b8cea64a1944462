from typing import Any

import pytest
from hypothesis import example, given
from hypothesis.strategies import text as texts
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from mailmine.refine.language import LANGUAGES, MAX_LENGTH, language
from mailmine.refine.language_model import LanguageModel


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Could you please send me the invoice of last month?", "en"),
        ("Könnten Sie mir bitte die Rechnung vom letzten Monat schicken?", "de"),
        ("Pourriez-vous m'envoyer la facture du mois dernier, s'il vous plaît ?", "fr"),
        ("¿Podría enviarme la factura del mes pasado, por favor?", "es"),
        ("Potrebbe inviarmi la fattura del mese scorso, per favore?", "it"),
        ("Kunt u mij de factuur van vorige maand sturen?", "nl"),
        ("Kunde du skicka fakturan från förra månaden till mig?", "sv"),
        ("Voisitteko lähettää minulle viime kuun laskun?", "fi"),
        ("Czy może mi Pan przysłać fakturę za zeszły miesiąc?", "pl"),
        ("先月の請求書を送っていただけますか", "ja"),
    ],
)
def test_sentences_of_business_mail(text: str, code: str) -> None:
    assert language(text) == code


@pytest.mark.parametrize("text", ["", "ok", "See you", "12 34 56 78", "!!! ??? ---"])
def test_too_little_to_tell(text: str) -> None:
    assert language(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "გამარჯობა, როგორ ხართ დღეს?",
        "Բարև ձեզ, շնորհակալություն նամակի համար",
        "আপনার চিঠির জন্য ধন্যবাদ, আমরা দেখব",
        "உங்கள் கடிதத்திற்கு நன்றி, விரைவில் பதிலளிப்போம்",
        "በጣም አመሰግናለሁ ለደብዳቤዎ መልስ",
        "សូមអរគុណសម្រាប់សំបុត្ររបស់អ្នក",
    ],
)
def test_a_script_of_no_language_that_is_known(text: str) -> None:
    assert language(text) is None


def test_a_name_in_another_script_changes_nothing() -> None:
    assert language("The invoice of გიორგი has not arrived yet, could you look into it?") == "en"


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return LanguageModel(LANGUAGES)


@pytest.fixture(scope="module")
def whole() -> Any:  # of the library, which has no types
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE)
    identifier.set_languages(LANGUAGES)
    return identifier


@given(text=texts(min_size=1, max_size=MAX_LENGTH))
@example("ШАЉЕМО ВАМ ДАНАС РАЧУН")  # noqa: RUF001 - Serbian has two scripts
@example("Poštovani, šaljemo vam račun.")
@example("Grüße\ud800")
def test_the_small_model_tells_what_the_whole_one_tells(
    model: LanguageModel, whole: Any, text: str
) -> None:
    (best, score), (_, second), *_ = whole.rank(text)
    found = model.likeliest(text)
    if found is None:
        assert score == second
    else:
        language, margin = found
        assert margin == pytest.approx(score - second, abs=0.01)
        assert language == best or margin < 0.01
