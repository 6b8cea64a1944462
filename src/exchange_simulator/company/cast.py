"""Who writes to the company, and who answers there."""

import unicodedata
from dataclasses import dataclass, replace

from exchange_simulator.company.dice import Dice
from exchange_simulator.company.language import FAR_LANGUAGES, LANGUAGES
from exchange_simulator.company.programs import Program

COMPANY = "Lindholt Instruments"
DOMAIN = "lindholt-instruments.example"

MAILBOXES = {
    "orders": ("delivery", "change", "quote"),
    "support": ("question", "fault"),
    "claims": ("damage",),
    "accounts": ("invoice", "payment"),
    "calibration": ("calibration", "certificate"),
    "careers": ("application",),
}
"""Shared mailbox → the topics that belong there."""


def address(mailbox: str) -> str:
    """Return the e-mail address of one of `MAILBOXES`."""
    return f"{mailbox}@{DOMAIN}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody with an e-mail address."""

    first: str
    last: str
    address: str
    company: str
    """Empty for a private person."""
    title: str
    city: str
    phone: str
    language: str
    program: Program
    charset: str

    @property
    def name(self) -> str:
        """The display name, in the order of the person's language."""
        if self.language in {"ja", "zh"}:
            return f"{self.last}{' ' if self.language == 'ja' else ''}{self.first}"
        return f"{self.first} {self.last}"

    @property
    def signature(self) -> tuple[str, ...]:
        """The lines below a mail."""
        if not self.company:
            return (self.name,)
        web = self.address.partition("@")[2]
        return (
            self.name,
            f"{self.title} | {self.company}" if self.title else self.company,
            f"{self.city} · {self.phone}",
            f"www.{web}",
        )


STAFF = {
    "orders": (("Lucía", "Ortega"), ("Camille", "Fournier"), ("Mikkel", "Holm")),
    "support": (("Jonas", "Weidenbach"), ("Astrid", "Møller"), ("Priyanka", "Rao")),
    "claims": (("Giulia", "Marchetti"), ("Astrid", "Møller")),
    "accounts": (("Sanne", "de Groot"), ("Camille", "Fournier")),
    "calibration": (("Piotr", "Zieliński"), ("Henrik", "Sørensen")),
    "careers": (("Thomas", "Ashworth"), ("Maren", "Dahl")),
}
TEAMS = {
    "orders": "Order Desk",
    "support": "Technical Support",
    "claims": "Claims",
    "accounts": "Accounts Receivable",
    "calibration": "Calibration Laboratory",
    "careers": "Human Resources",
}

FIRST_NAMES = {
    "en": "Alice Benjamin Charlotte Daniel Emma George Hannah Isaac Julia Oliver Priya Sophie William Fiona",
    "de": "Anna Bernd Claudia Dieter Eva Florian Greta Jürgen Katrin Lukas Martina Sören Ulrike Björn",
    "fr": "Amélie Benoît Chloé Étienne François Hélène Julien Léa Mathieu Noémie Thierry Zoé",
    "es": "Álvaro Begoña Carlos Elena Íñigo José Lucía María Nuria Raúl Sofía Tomás",
    "nl": "Anneke Bram Daan Femke Joost Lieke Maarten Sjoerd Wouter Zoë",
    "it": "Alessandra Bruno Chiara Davide Elisa Francesco Giorgia Luca Niccolò Serena",
    "pl": "Agnieszka Bartosz Elżbieta Grzegorz Joanna Łukasz Małgorzata Paweł Stanisław Zofia",
    "pt": "Ana António Beatriz Conceição Inês João Luís Mafalda Rui Tiago",
    "ja": "健太 美咲 翔 陽子 大輔",
    "zh": "伟 芳 娜 秀英 敏",
    "ar": "أحمد فاطمة خالد مريم يوسف",
}
LAST_NAMES = {
    "en": "Archer Bennett Clarke Doyle Ellis Fletcher Hargreaves Iqbal Lawson Murphy Patel Reid Thornton O'Neill",
    "de": "Bäcker Dörfler Eichhorn Gruber Hofmann Jäger Köhler Lorenz Müller Schäfer Vogt Weiß Zöllner",
    "fr": "Aubert Bérenger Chevalier Dubois Lefèvre Marchand Noël Périer Rousseau Vasseur",
    "es": "Aguirre Castaño Domínguez Fernández Ibáñez Muñoz Núñez Peña Ramírez Sáez",
    "nl": "Bakker Dekker Hendriks Jansen Kuipers Mulder Postma Smit Visser",
    "it": "Barbieri Conti D'Angelo Ferrari Galli Moretti Rinaldi Santoro Villa",
    "pl": "Dąbrowska Kowalczyk Lewandowski Nowak Piątek Szymańska Wójcik Żukowski",
    "pt": "Almeida Barbosa Conceição Fonseca Gonçalves Magalhães Simões Vieira",
    "ja": "佐藤 鈴木 高橋 田中 渡辺",
    "zh": "王 李 张 刘 陈",
    "ar": "الحسن منصور العلي حداد",
}
COMPANIES = {
    "en": "Harbour Test Labs|Brightwell Engineering|Cobalt Aerospace|Fenwick Foods",
    "de": "Rheintal Maschinenbau GmbH|Prüftechnik Süd AG|Stadtwerke Birkenau|Käserei Alpenblick",
    "fr": "Ateliers du Rhône|Mécanique Générale de l'Ouest|Laiterie des Vosges|Université du Léman",
    "es": "Talleres Ibérica S.L.|Aguas del Sur|Conservas Peñalara|Instituto Técnico Norte",
    "nl": "Waterlab Noord B.V.|Van Dalen Techniek|Zuivel Friesland|Havenbedrijf Oost",
    "it": "Officine Adriatiche S.r.l.|Meccanica Lombarda|Caseificio Valverde",
    "pl": "Zakłady Śląskie Sp. z o.o.|Politechnika Nadmorska|Mleczarnia Podlasie",
    "pt": "Metalúrgica do Douro Lda.|Águas do Norte|Conservas Atlântico",
    "ja": "東海精密工業株式会社|みなと試験所",
    "zh": "华东仪器有限公司|滨海检测中心",
    "ar": "مختبرات الخليج|شركة النور الهندسية",
}
DOMAINS = {
    "en": "harbour-test.example|brightwell.example|cobalt-aero.example|fenwick-foods.example",
    "de": "rheintal-mb.example|prueftechnik-sued.example|sw-birkenau.example|alpenblick.example",
    "fr": "ateliers-rhone.example|mgo.example|laiterie-vosges.example|univ-leman.example",
    "es": "talleres-iberica.example|aguas-sur.example|penalara.example|itn.example",
    "nl": "waterlab.example|vandalen.example|zuivel-friesland.example|haven-oost.example",
    "it": "officine-adriatiche.example|meccanica-lombarda.example|valverde.example",
    "pl": "zaklady-slaskie.example|pnadmorska.example|podlasie.example",
    "pt": "metal-douro.example|aguas-norte.example|atlantico.example",
    "ja": "tokai-seimitsu.example|minato-lab.example",
    "zh": "huadong.example|binhai.example",
    "ar": "gulf-labs.example|alnoor.example",
}
CITIES = {
    "en": "Bristol Leeds Cork Aberdeen Norwich",
    "de": "Köln München Graz Zürich Würzburg",
    "fr": "Lyon Besançon Nîmes Liège Genève",
    "es": "Málaga Logroño Cádiz Valencia León",
    "nl": "Utrecht Groningen Gent Eindhoven",
    "it": "Bologna Forlì Torino Udine",
    "pl": "Łódź Kraków Gdańsk Poznań",
    "pt": "Porto Évora Setúbal Guimarães",
    "ja": "名古屋 横浜 大阪",
    "zh": "上海 苏州 青岛",
    "ar": "دبي الدوحة عمّان",
}
TITLES = {
    "en": "Purchasing Manager|Laboratory Manager|Quality Engineer|Maintenance",
    "de": "Einkauf|Leiterin Qualitätssicherung|Instandhaltung|Labor",
    "fr": "Responsable qualité|Service achats|Maintenance",
    "es": "Compras|Jefa de laboratorio|Mantenimiento",
    "nl": "Inkoop|Kwaliteitsdienst|Onderhoud",
    "it": "Ufficio acquisti|Responsabile qualità",
    "pl": "Dział zakupów|Kierownik laboratorium",
    "pt": "Compras|Gestão da qualidade",
    "ja": "購買部|品質管理課",
    "zh": "采购部|质检部",
    "ar": "قسم المشتريات|ضمان الجودة",
}
PHONE_CODES = {
    "en": "44",
    "de": "49",
    "fr": "33",
    "es": "34",
    "nl": "31",
    "it": "39",
    "pl": "48",
    "pt": "351",
    "ja": "81",
    "zh": "86",
    "ar": "971",
}
CHARSETS = {
    "pl": ("iso-8859-2", "windows-1250", "utf-8"),
    "ja": ("iso-2022-jp", "utf-8"),
    "zh": ("gb2312", "utf-8"),
    "ar": ("windows-1256", "utf-8"),
}
WESTERN_CHARSETS = ("iso-8859-1", "windows-1252", "utf-8", "utf-8")
PRIVATE_DOMAINS = ("freemail.example", "postbox.example", "home-mail.example")
PRIVATE_PROGRAMS = (Program.GMAIL, Program.APPLE_MAIL, Program.OUTLOOK_MOBILE, Program.THUNDERBIRD)
OFFICE_PROGRAMS = (
    Program.OUTLOOK,
    Program.OUTLOOK,
    Program.OUTLOOK,
    Program.OUTLOOK_PLAIN,
    Program.OUTLOOK_MOBILE,
    Program.GMAIL,
    Program.APPLE_MAIL,
    Program.THUNDERBIRD,
)


def customer(dice: Dice) -> Person:
    """Invent somebody from outside who writes on behalf of a company."""
    language = dice.pick(LANGUAGES | FAR_LANGUAGES)
    first = dice.choice(FIRST_NAMES[language].split())
    last = dice.choice(LAST_NAMES[language].split())
    companies = list(zip(COMPANIES[language].split("|"), DOMAINS[language].split("|"), strict=True))
    company, domain = dice.choice(companies)
    return Person(
        first=first,
        last=last,
        address=f"{_local_part(first, last)}@{domain}",
        company=company,
        title=dice.choice(TITLES[language].split("|")),
        city=dice.choice(CITIES[language].split()),
        phone=f"+{PHONE_CODES[language]} {dice.digits(2)} 5550 {dice.digits(3)}",
        language=language,
        program=dice.choice(OFFICE_PROGRAMS),
        charset=dice.choice(CHARSETS.get(language, WESTERN_CHARSETS)),
    )


def at_home(dice: Dice, person: Person) -> Person:
    """Let the same person write privately."""
    local = _local_part(person.first, person.last)
    return replace(
        person,
        company="",
        title="",
        address=f"{local}{dice.digits(2)}@{dice.choice(PRIVATE_DOMAINS)}",
        program=dice.choice(PRIVATE_PROGRAMS),
    )


def colleague(dice: Dice, mailbox: str) -> Person:
    """Somebody of the company who answers from this shared mailbox."""
    first, last = dice.choice(STAFF[mailbox])
    return Person(
        first=first,
        last=last,
        address=address(mailbox),
        company=COMPANY,
        title=TEAMS[mailbox],
        city="Aarhus",
        phone=f"+45 5550 {dice.digits(4)}",
        language="en",
        program=Program.OUTLOOK,
        charset=dice.choice(WESTERN_CHARSETS),
    )


def _local_part(first: str, last: str) -> str:
    """Spell a name as it stands in an address; scripts without such a form give "contact"."""
    latin = f"{first}.{last}".lower().replace("ł", "l").replace("ß", "ss")
    plain = unicodedata.normalize("NFKD", latin)
    spelt = "".join(c for c in plain if c.isascii() and (c.isalnum() or c == "."))
    return spelt if spelt.strip(".") else "contact"
