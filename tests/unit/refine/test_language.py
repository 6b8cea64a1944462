import pytest

from mailmine.refine.language import language


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
