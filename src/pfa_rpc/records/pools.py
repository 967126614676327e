"""Invented values that generated records draw from: `KINDS` of equipment, and `AREAS`, `PEOPLE` and the like.

Frequencies are those of real exports: each list holds a value as often as it is to be drawn, so that one uniform draw
picks a value with its weight.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

from pfa_rpc.records.encode import Values


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of equipment: what goes together in one record."""

    values: Values
    """category, forecast_category, class, manufacturer and model."""
    rate: int
    """Usual rent of a month, in whole currency units."""
    descriptions: tuple[str | None, ...]


# category: share in percent, usual rent of a month, classes, (manufacturer, model)
_CATEGORIES: Final[dict[str, tuple[float, int, tuple[str, ...], tuple[tuple[str, str], ...]]]] = {
    "Aerial Lifts": (
        11.4,
        3_200,
        ("60FT Boom", "80FT Boom", "Scissor 26FT"),
        (("JLG", "600AJ"), ("JLG", "860SJ"), ("Genie", "S-65"), ("Genie", "GS-2669"), ("Skyjack", "SJ6826")),
    ),
    "Forklifts": (
        8.8,
        1_900,
        ("5000LB Propane", "10000LB Diesel"),
        (("Toyota", "8FGU25"), ("Hyster", "H80FT"), ("Yale", "GP050"), ("Crown", "C-5")),
    ),
    "Generators": (
        8.4,
        7_400,
        ("45kW", "100kW", "500kW"),
        (("Caterpillar", "XQ500"), ("Generac", "MLG20"), ("Cummins", "C500D6")),
    ),
    "Trucks": (
        7.8,
        2_300,
        ("Pickup 1/2 Ton", "Van Cargo", "Water Truck"),
        (("Ford", "F-150"), ("Ford", "Transit"), ("Ram", "2500"), ("Freightliner", "M2 106")),
    ),
    "Cranes": (
        7.7,
        24_000,
        ("25T Rough Terrain", "60T Crawler", "150T Crawler", "Carry Deck"),
        (
            ("Liebherr", "LTM 1250-6.1"),
            ("Liebherr", "LR1300"),
            ("Grove", "RT540E"),
            ("Tadano", "GR-1600XL"),
            ("Terex", "RT 555"),
        ),
    ),
    "Light Towers": (
        7.6,
        650,
        ("LED 4-Head", "Metal Halide"),
        (("Wacker Neuson", "LTV6"), ("Generac", "MLT6")),
    ),
    "Excavators": (
        6.7,
        13_500,
        ("Mini", "20-30T", "30-40T"),
        (
            ("Caterpillar", "336F"),
            ("Caterpillar", "320"),
            ("Komatsu", "PC210"),
            ("Komatsu", "PC360"),
            ("Volvo", "EC220"),
            ("Hitachi", "ZX350"),
        ),
    ),
    "Pumps": (
        5.9,
        5_100,
        ("4IN Diaphragm", "6IN Trash"),
        (("Godwin", "CD150M"), ("Wacker Neuson", "PT6")),
    ),
    "Welders": (
        5.8,
        900,
        ("400A Diesel", "Multi-process"),
        (("Lincoln", "Vantage 400"), ("Miller", "Big Blue 400")),
    ),
    "Telehandlers": (
        5.7,
        4_600,
        ("8K", "10K"),
        (("JLG", "1055"), ("JLG", "G10-55A"), ("Genie", "GTH-1056"), ("Caterpillar", "TL1055")),
    ),
    "Compressors": (
        5.1,
        2_800,
        ("185CFM", "375CFM", "750CFM"),
        (("Atlas Copco", "XAS 185"), ("Sullair", "375H"), ("Ingersoll Rand", "P185")),
    ),
    "Scaffolding": (
        4.9,
        1_200,
        ("Frame", "System"),
        (("Layher", "Allround"), ("Unknown", "Unknown")),
    ),
    "Trailers": (
        4.0,
        800,
        ("Flatbed 48FT", "Office 12x60"),
        (("Utility", "4000A"), ("Great Dane", "Freedom"), ("Fontaine", "Revolution")),
    ),
    "Dozers": (
        3.8,
        17_500,
        ("100-150HP", "200HP"),
        (("Caterpillar", "D6T"), ("Caterpillar", "D8T"), ("Komatsu", "D65"), ("John Deere", "850K")),
    ),
    "Concrete Equipment": (
        3.7,
        21_000,
        ("Boom Pump", "Batch Plant", "Power Trowel"),
        (("Putzmeister", "38Z"), ("Schwing", "S36X")),
    ),
    "Compaction": (
        2.7,
        3_900,
        ("Plate", "Roller 84IN"),
        (("Bomag", "BW211"), ("Hamm", "H11i"), ("Caterpillar", "CS56B")),
    ),
}
_KINDS_OF_A_PERCENT: Final = 40
_SHOUTED: Final = 0.085
"""Share of manufacturers that someone typed in capitals."""


def _descriptions(category: str, equipment_class: str, manufacturer: str, model: str) -> tuple[str | None, ...]:
    return (
        None,
        f"{category}\nsee area plan",
        f"{category} {equipment_class}",
        f'{category}, {manufacturer} "{model}"',
        f"{manufacturer} {category.lower()} – spare",
    )


def _kinds() -> tuple[Kind, ...]:
    rng = random.Random("kinds")
    kinds = []
    for category, (percent, rate, classes, makes) in _CATEGORIES.items():
        for _ in range(round(percent * _KINDS_OF_A_PERCENT)):
            equipment_class, (manufacturer, model) = rng.choice(classes), rng.choice(makes)
            descriptions = _descriptions(category, equipment_class, manufacturer, model)
            values: Values = {
                "category": category,
                "forecast_category": category,
                "class": equipment_class,
                "manufacturer": manufacturer.upper() if rng.random() < _SHOUTED else manufacturer,
                "model": model,
            }
            kinds.append(Kind(values, rate, descriptions))
    return tuple(kinds)


KINDS: Final = _kinds()
_PLACES: Final = ("Laydown", "Staging", "Yard A", "Yard B", "Shop", "Office")
AREAS: Final[tuple[str | None, ...]] = (
    *(f"Silo {number}" for number in range(1, 13) for _ in range(12)),
    *(place for place in _PLACES for _ in range(12)),
    *("SILO 4", "Silo  7", "YARD A", "laydown"),
    None,
    None,
)
PEOPLE: Final = ("pems.batch", "okafor", "achen", "jsmith", "maria")
EDITORS: Final = ("okafor", "achen", "jsmith", "maria")
CONTRACTS: Final[tuple[str | None, ...]] = (*(f"C-{1000 + number}" for number in range(60)), *(None,) * 26)
SYNC_ERRORS: Final = (
    "This record has been modified by another user.",
    "The value is not valid for the field PFS_F_CLASS.",
)
CURRENCIES: Final = (("USD", "UTC"), ("USD", "America/Denver"), ("EUR", "Europe/Berlin"), ("BRL", "America/Sao_Paulo"))
"""(currency, time zone) of organizations, in turn."""
