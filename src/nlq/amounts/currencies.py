"""Currencies as data: the signs, codes and words that stand for them.

Gives `MARKS`, `NAMES`, `CENTS`, `PREFIXES` and `ADJECTIVES`. A mark maps to all currencies that it can mean: "$" is a
dollar of any country.
"""

from __future__ import annotations

from typing import Final

_DOLLARS: Final = frozenset(
    ("USD", "CAD", "AUD", "NZD", "SGD", "HKD", "TWD", "MXN", "CLP", "COP", "ARS", "BSD", "BBD", "BZD", "FJD", "JMD")
)
_POUNDS: Final = frozenset(("GBP", "EGP", "LBP", "SYP", "SDG", "FKP", "GIP"))

_SIGNS: Final[dict[str, frozenset[str]]] = {
    "$": _DOLLARS,
    "€": frozenset(("EUR",)),
    "£": _POUNDS,
    "¥": frozenset(("JPY", "CNY")),
    "₹": frozenset(("INR",)),
    "₽": frozenset(("RUB",)),
    "₩": frozenset(("KRW",)),
    "₪": frozenset(("ILS",)),
    "₫": frozenset(("VND",)),
    "₦": frozenset(("NGN",)),
    "₱": frozenset(("PHP",)),
    "฿": frozenset(("THB",)),
    "₴": frozenset(("UAH",)),
    "₺": frozenset(("TRY",)),
    "₸": frozenset(("KZT",)),
    "₡": frozenset(("CRC",)),
    "₲": frozenset(("PYG",)),
    "₵": frozenset(("GHS",)),
    "₿": frozenset(("BTC",)),
}

_CODES: Final = (
    *("USD", "CAD", "AUD", "NZD", "SGD", "HKD", "TWD", "MXN", "CLP", "COP", "ARS", "EUR", "GBP", "JPY", "CNY", "INR"),
    *("CHF", "SEK", "NOK", "DKK", "ISK", "PLN", "CZK", "HUF", "RON", "BGN", "RSD", "UAH", "RUB", "BRL", "PEN", "UYU"),
    *("ZAR", "NGN", "KES", "GHS", "EGP", "MAD", "TND", "AED", "SAR", "QAR", "KWD", "BHD", "OMR", "JOD", "ILS", "TRY"),
    *("KRW", "THB", "MYR", "IDR", "PHP", "VND", "PKR", "BDT", "LKR", "KZT", "BTC", "ETH"),
)
_SAID_AS_WORDS: Final = frozenset(("TRY", "PEN", "MAD", "RON", "ETH", "PHP"))
"""Codes that are words or names as well: they count in capitals behind their number alone."""

NAMES: Final[dict[str, frozenset[str]]] = {
    "dollar": _DOLLARS,
    "buck": _DOLLARS,
    "euro": frozenset(("EUR",)),
    "pound": _POUNDS,
    "quid": frozenset(("GBP",)),
    "sterling": frozenset(("GBP",)),
    "yen": frozenset(("JPY",)),
    "yuan": frozenset(("CNY",)),
    "renminbi": frozenset(("CNY",)),
    "rupee": frozenset(("INR", "PKR", "LKR", "NPR")),
    "franc": frozenset(("CHF", "XAF", "XOF")),
    "peso": frozenset(("MXN", "CLP", "COP", "ARS", "PHP", "UYU")),
    "krona": frozenset(("SEK", "ISK")),
    "krone": frozenset(("NOK", "DKK")),
    "kronor": frozenset(("SEK",)),
    "kroner": frozenset(("NOK", "DKK")),
    "koruna": frozenset(("CZK",)),
    "zloty": frozenset(("PLN",)),
    "złoty": frozenset(("PLN",)),
    "zł": frozenset(("PLN",)),
    "kč": frozenset(("CZK",)),
    "kr": frozenset(("SEK", "NOK", "DKK", "ISK")),
    "forint": frozenset(("HUF",)),
    "ruble": frozenset(("RUB", "BYN")),
    "rouble": frozenset(("RUB", "BYN")),
    "hryvnia": frozenset(("UAH",)),
    "lira": frozenset(("TRY",)),
    "shekel": frozenset(("ILS",)),
    "dirham": frozenset(("AED", "MAD")),
    "dinar": frozenset(("KWD", "BHD", "JOD", "TND", "RSD", "IQD", "DZD", "LYD")),
    "riyal": frozenset(("SAR", "QAR", "OMR", "YER")),
    "rial": frozenset(("IRR", "OMR", "YER")),
    "rand": frozenset(("ZAR",)),
    "naira": frozenset(("NGN",)),
    "cedi": frozenset(("GHS",)),
    "shilling": frozenset(("KES", "TZS", "UGX", "SOS")),
    "reai": frozenset(("BRL",)),
    "reais": frozenset(("BRL",)),
    "baht": frozenset(("THB",)),
    "ringgit": frozenset(("MYR",)),
    "rupiah": frozenset(("IDR",)),
    "taka": frozenset(("BDT",)),
    "dong": frozenset(("VND",)),
    "tenge": frozenset(("KZT",)),
    "bitcoin": frozenset(("BTC",)),
    **{code.casefold(): frozenset((code,)) for code in sorted(_SAID_AS_WORDS)},
}
"""Words (as stems) that name a currency behind a number."""

MARKS: Final[dict[str, frozenset[str]]] = _SIGNS | {
    "rmb": frozenset(("CNY",)),
    "rs": frozenset(("INR", "PKR", "LKR", "NPR")),
    "us$": frozenset(("USD",)),
    **{code.casefold(): frozenset((code,)) for code in _CODES if code not in _SAID_AS_WORDS},
}
"""Signs and codes, which stand before a number as well as behind it."""

CODES_IN_CAPITALS: Final = frozenset(code.casefold() for code in _SAID_AS_WORDS)

PREFIXES: Final[dict[str, str]] = {
    "us": "USD",
    "usd": "USD",
    "u": "USD",
    "c": "CAD",
    "ca": "CAD",
    "can": "CAD",
    "cad": "CAD",
    "a": "AUD",
    "au": "AUD",
    "aud": "AUD",
    "aus": "AUD",
    "nz": "NZD",
    "nzd": "NZD",
    "hk": "HKD",
    "hkd": "HKD",
    "s": "SGD",
    "sg": "SGD",
    "sgd": "SGD",
    "nt": "TWD",
    "mx": "MXN",
    "mex": "MXN",
    "r": "BRL",
}
"""Letters that touch a dollar sign → its currency."""

ADJECTIVES: Final[dict[str, frozenset[str]]] = {
    "us": frozenset(("USD",)),
    "american": frozenset(("USD",)),
    "united state": frozenset(("USD",)),
    "canadian": frozenset(("CAD",)),
    "australian": frozenset(("AUD",)),
    "aussie": frozenset(("AUD",)),
    "new zealand": frozenset(("NZD",)),
    "singapore": frozenset(("SGD",)),
    "hong kong": frozenset(("HKD",)),
    "taiwan": frozenset(("TWD",)),
    "british": frozenset(("GBP",)),
    "egyptian": frozenset(("EGP",)),
    "swiss": frozenset(("CHF",)),
    "mexican": frozenset(("MXN",)),
    "chilean": frozenset(("CLP",)),
    "colombian": frozenset(("COP",)),
    "argentine": frozenset(("ARS",)),
    "japanese": frozenset(("JPY",)),
    "chinese": frozenset(("CNY",)),
    "indian": frozenset(("INR",)),
    "pakistani": frozenset(("PKR",)),
    "swedish": frozenset(("SEK",)),
    "norwegian": frozenset(("NOK",)),
    "danish": frozenset(("DKK",)),
    "czech": frozenset(("CZK",)),
    "polish": frozenset(("PLN",)),
    "russian": frozenset(("RUB",)),
    "turkish": frozenset(("TRY",)),
    "korean": frozenset(("KRW",)),
    "saudi": frozenset(("SAR",)),
    "kuwaiti": frozenset(("KWD",)),
}
"""Words before the name of a currency ("Canadian dollars") → the currency, where the name can mean it."""

CENTS: Final = frozenset(("cent", "¢", "centime", "pence", "penny", "kopek", "kopeck", "centavo"))
"""Words for the hundredth part of any currency."""

SHORT_CENTS: Final = frozenset(("c", "p", "ct"))
"""Letters for it, behind an amount in whole units and touching their number."""
