"""Made-up texts by strategy: a thousand of each, from which a generator takes.

They look like what they are called and mean nothing. Each strategy is a template: a name in braces stands for one of
its words or for another template, "#" for a digit, "~" for a hexadecimal one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

__all__ = ["STRATEGIES", "made_up"]

_WORDS = {
    name: words.split()
    for name, words in {
        "word": "amber brook cedar delta ember field grove harbor inlet jetty kelp ledge marsh north orchard pier",
        "first_name": "Ada Boris Chen Dalia Emeka Freya Goran Hana Ines Jomo Kalani Leyla Mateo Nadia Olu Priya Rosa",
        "last_name": "Abebe Berg Costa Dubois Eriksen Fischer Garcia Haddad Ito Jansen Kim Lopez Mbeki Novak Okafor",
        "title": "Dr. Mr. Mrs. Ms. Prof.",
        "suffix": "Jr. Sr. II III MD PhD",
        "domain_suffix": "com net org io dev",
        "provider": "example.com example.net example.org",
        "field": "Accounting Construction Design Education Engineering Legal Marketing Sales Technology",
        "position": "Administrator Agent Analyst Architect Consultant Director Engineer Manager Planner Strategist",
        "seniority": "Chief Junior Lead Principal Regional Senior",
        "company_suffix": "Inc Ltd LLC Group GmbH",
        "buzzword": "Adaptive Balanced Configurable Distributed Extended Focused Integrated Modular Open Robust",
        "buzzword_middle": "24-hour client-driven context-sensitive even-keeled fault-tolerant hybrid local modular",
        "buzzword_tail": "alliance benchmark capacity database forecast interface matrix policy service workforce",
        "bs_verb": "aggregate cultivate deliver extend incubate integrate leverage monetize scale streamline",
        "bs_adj": "agile best-of-breed compelling dynamic frictionless holistic interactive open-source seamless",
        "bs_noun": "channels communities content deliverables experiences markets metrics networks platforms",
        "profession": "actor baker carpenter dentist electrician florist geologist historian librarian pilot surgeon",
        "industry": "Agriculture Banking Biotechnology Chemicals Energy Insurance Logistics Mining Software Tourism",
        "currency_code": "AUD BRL CAD CHF CNY DKK EUR GBP INR JPY KES MXN NOK NZD PLN SEK SGD USD ZAR",
        "currency_name": "Dollar Dinar Euro Franc Krona Peso Pound Rand Real Rupee Shilling Yen Yuan Zloty",
        "currency_symbol": "$ € £ ¥ ₹ kr R$ zł",
        "city_prefix": "East Lake New North Port South West",
        "city_suffix": "bury chester fort haven land mouth port side ton view ville",
        "country_name": "Argentina Brazil Canada Denmark Egypt Finland Ghana Hungary India Japan Kenya Latvia Mexico",
        "country_code": "AR BR CA DK EG FI GH HU IN JP KE LV MX NO PL SE TR US ZA",
        "street_suffix": "Alley Avenue Boulevard Court Drive Lane Road Square Street Terrace Way",
        "time_zone": "Africa/Cairo America/Lima Asia/Tokyo Australia/Sydney Europe/Berlin Europe/Oslo Pacific/Auckland",
        "state_name": "Alaska Arizona Colorado Florida Georgia Idaho Kansas Maine Nevada Ohio Oregon Texas Utah",
        "state_abbr": "AK AZ CO FL GA ID KS ME NV OH OR TX UT VA",
        "secondary_address_type": "Apt. Suite",
        "browser": "Firefox/128.0 Chrome/126.0 Safari/605.1 Edge/126.0",
        "system": "X11;Linux Macintosh Windows Android iPhone",
        "file_extension": "csv doc gif html jpg json mp3 pdf png txt xml zip",
        "letter": "a b c d e f g h i j k m n o p q r s t u v w x y z A B C D E F G H J K L M N P Q R S T U V 2 3 4 5 6",
    }.items()
}
_STATUSES = {
    "valid_status_code": "200 201 202 204 206 301 302 304 307 308 400 401 403 404 405 409 410 422 429 500 501 502 503",
    "rfc_status_code": "200 OK|201 Created|204 No Content|301 Moved Permanently|302 Found|304 Not Modified"
    "|400 Bad Request|401 Unauthorized|403 Forbidden"
    "|404 Not Found|409 Conflict|429 Too Many Requests|500 Internal Server Error"
    "|503 Service Unavailable",
}
_TEMPLATES = {
    "name": "{first_name} {last_name}",
    "name_with_title": "{title} {first_name} {last_name}",
    "email": "{first_name}.{last_name}##@{provider}",
    "username": "{first_name}_{last_name}##",
    "job_title": "{seniority} {field} {position}",
    "ip": "{ipv4}",
    "ipv6": "~~~~:~~~~:~~~~:~~~~:~~~~:~~~~:~~~~:~~~~",
    "mac_address": "~~:~~:~~:~~:~~:~~",
    "user_agent": "Mozilla/5.0 ({system}) {browser}",
    "company_name": "{last_name} {company_suffix}",
    "catch_phrase": "{buzzword} {buzzword_middle} {buzzword_tail}",
    "bs": "{bs_verb} {bs_adj} {bs_noun}",
    "credit_card_number": "4###############",
    "city_name": "{city_prefix} {last_name}{city_suffix}",
    "street_name": "{last_name} {street_suffix}",
    "secondary_address": "{secondary_address_type} ###",
    "zip_code": "#####",
    "post_code": "#####",
    "building_number": "1##",
    "isbn": "978-#-##-######-#",
    "isbn10": "#-##-######-#",
    "isbn13": "978-#-##-######-#",
    "phone_number": "(2##) 555-####",
    "cell_number": "2##-555-####",
    "file_name": "{word}.{file_extension}",
    "file_path": "/{word}/{word}/{word}.{file_extension}",
    "dir_path": "/{word}/{word}/{word}",
}
_PLACE = re.compile(r"\{(\w+)\}|#|~")
_INNER = ("provider", "browser", "system", "letter")


def _repeated(template: str, joint: str) -> Callable[[Random, int, int], str]:
    """Return what joins as many as a range says."""
    return lambda random, low, high: joint.join(
        _filled(template, random, 3, 9) for _ in range(random.randrange(low, high))
    )


def _sentence(random: Random, low: int, high: int) -> str:
    words = [random.choice(_WORDS["word"]) for _ in range(max(random.randrange(low, high), 1))]
    return " ".join(words).capitalize() + "."


_MADE: dict[str, Callable[[Random, int, int], str]] = {
    "words": _repeated("{word}", " "),
    "sentence": _sentence,
    "sentences": _repeated("{sentence}", " "),
    "paragraph": _repeated("{sentence}", " "),
    "paragraphs": _repeated("{sentence} {sentence}", "\n"),
    "password": _repeated("{letter}", ""),
    "ipv4": lambda random, low, high: ".".join(str(random.randrange(1, 255)) for _ in range(4)),
    "latitude": lambda random, low, high: f"{random.uniform(-90, 90):.6f}",
    "longitude": lambda random, low, high: f"{random.uniform(-180, 180):.6f}",
    "valid_status_code": lambda random, low, high: random.choice(_STATUSES["valid_status_code"].split()),
    "rfc_status_code": lambda random, low, high: random.choice(_STATUSES["rfc_status_code"].split("|")),
}
STRATEGIES = frozenset((*_WORDS, *_TEMPLATES, *_MADE)) - frozenset(_INNER)
"""Every strategy that makes texts up."""


def made_up(strategy: str, count: int, low: int, high: int) -> list[str]:
    """Return `count` texts, always the same. low, high: [least, not reached) of words or letters where it has many."""
    random = Random(strategy)
    return [_filled(f"{{{strategy}}}", random, low, high) for _ in range(count)]


def _filled(template: str, random: Random, low: int, high: int) -> str:
    def fill(place: re.Match[str]) -> str:
        name = place[1]
        if name is None:
            return f"{random.randrange(10 if place[0] == '#' else 16):x}"
        if name in _WORDS:
            return random.choice(_WORDS[name])
        return _MADE[name](random, low, high) if name in _MADE else _filled(_TEMPLATES[name], random, low, high)

    return _PLACE.sub(fill, template)
