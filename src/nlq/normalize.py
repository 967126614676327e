"""Normalize: a question becomes tokens that remember where they came from.

Gives `Token`, its kinds, `tokenize`, and `stem`. A run of letters and a run of digits are tokens of their own, so that
"silo4", "Silo 4" and "silo-4" are the same two tokens; each token carries the key that the tries are indexed by.
Signs that word processors and other keyboards put for those of ASCII ("5‑10", "＄５００", "≧ 5") are read as those.
"""

from __future__ import annotations

import enum
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from nlq.errors import QuestionError
from nlq.query import fold

MAX_LENGTH: Final = 2000
"""Most characters of a question."""
MINUS: Final = ("-", "–")
"""Signs that negate a number which they touch, as `Token.gap` has them."""
TAKEN: Final = "\0"
"""Key of a token that is read already and carries no condition; no question holds the character."""


class Kind(enum.Enum):
    """What a token is made of."""

    WORD = "word"
    NUMBER = "number"
    QUOTED = "quoted"
    SYMBOL = "symbol"
    OTHER = "other"  # a character that no reading has a use for, such as an emoji


WORD: Final = Kind.WORD
NUMBER: Final = Kind.NUMBER
QUOTED: Final = Kind.QUOTED
SYMBOL: Final = Kind.SYMBOL
# Kinds are asked for at every token, and looking up a member of an enum takes longer than calling a function.


@dataclass(slots=True, unsafe_hash=True)  # never changed; frozen ones take three times as long to make
class Token:
    """A stretch of the question."""

    key: str
    """What the tries are indexed by: the stem of a word, the digits of a number, the symbol itself; of a quoted text
    its folded content behind a quote, which no trie holds."""
    kind: Kind
    start: int
    """First character, in code points of the original text."""
    end: int
    """The character after the last."""
    raw: str
    """The characters themselves; of a quoted text the content without its quotes."""
    gap: str
    """What stands between it and the token before: spaces and framing punctuation, in plain signs, without marks that
    nobody sees."""


# Order matters: a group of thousands ("5,000.50") before plain digits, comparisons before single signs. Characters
# that join or frame words ("-", "/", ".", "(") belong to no group and become no token; they are taken together with
# the token behind them, and never given back, so that each is looked at once.
_TOKEN: Final = re.compile(
    r"""
    (?P<gap>(?>\ (?=[A-Za-z0-9])|(?:  # most words stand behind a space alone
      (?:[\s\-–—−/\\.:?()\[\]{}“”'‘’`´_\#*…\u200b-\u200d\ufe0f]|!(?!=))
      (?:[\s\-–—−/\\.:?()\[\]{}“”'‘’`´_\#*…\u200b-\u200d\ufe0f]|!(?!=)|~(?!\s?[$€£¥₹]?\d))*
    )?))
    (?:
      (?P<word>(?>[A-Za-z]+)(?!'|[^\x00-\x7f])|[^\W\d_]+(?:['’][^\W\d_]+)*)  # most words are plain letters
    | (?P<number>(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?)
    | "(?P<quoted>(?:[^"\\]|\\.){1,200})"
    | (?P<symbol>>=|<=|=>|=<|!=|<>|==|[<>=≥≤≠$€£¥₹,;&+@%|~])
    | (?P<stray>")
    | (?P<other>.)
    | \Z
    )
    """,
    re.VERBOSE | re.DOTALL,
)
_UNSEEN: Final = "\u200b"
_ALIKE: Final[dict[int, str]] = {
    **dict.fromkeys(map(ord, "\u2010\u2011\u2212\ufe63\uff0d"), "-"),  # hyphens, one of them not broken at, and minus
    **dict.fromkeys(map(ord, "\u2012\ufe58"), "–"),
    ord("\u2015"): "—",
    **dict.fromkeys(map(ord, "\u2044\u2215\uff0f"), "/"),
    **dict.fromkeys(map(ord, "\u2248\u301c\uff5e"), "~"),
    **dict.fromkeys(map(ord, "\u2267\u2a7e"), "≥"),
    **dict.fromkeys(map(ord, "\u2266\u2a7d"), "≤"),
    **{ord("\uff10") + digit: str(digit) for digit in range(10)},
    **dict(zip(map(ord, "，．：；％＋＝＜＞（）＄﹩￡￥￠"), ",.:;%+=<>()$$£¥¢", strict=True)),
    **dict.fromkeys(map(ord, "•·●▪◦‣\uf0b7"), "*"),  # marks before the lines of a list
    **dict.fromkeys(map(ord, "«»„‚‟"), "“"),
    **dict.fromkeys((0x3000, *range(0x2000, 0x2007), 0x2008, 0x200A, 0x205F), " "),  # the others group digits
    # Marks of direction, of joining and of the beginning of a text: Windows puts some of them into dates.
    **dict.fromkeys((0x200E, 0x200F, 0x2060, 0xFEFF, *range(0x202A, 0x202F), *range(0x2066, 0x206A)), _UNSEEN),
}
"""Characters → the one that is read in their place, so that no position in the text changes."""
_PLAIN: Final = re.compile(r"[A-Za-z0-9 ?\-]*")
"""Texts, as most values and many questions are, whose tokens are their runs of letters and of digits, nothing else."""
_RUN: Final = re.compile(r"[A-Za-z]+|[0-9]+")
_PLAIN_TOKEN: Final = re.compile(r"([ ?\-]*)(?:([A-Za-z]+)|([0-9]+))")
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_SYMBOLS: Final = {
    "=>": ">=",
    "=<": "<=",
    "<>": "!=",
    "≠": "!=",
    "==": "=",
    "≥": ">=",
    "≤": "<=",
    ";": ",",
    "@": "at",
    "&": "and",
}


@lru_cache(maxsize=16384)
def stem(word: str) -> str:
    """Return the word in the form that singular and plural share: case folded, without possessive, accents kept.

    It need not be a word of English: it is applied to both sides of every comparison.
    """
    key = (word if word.isascii() else unicodedata.normalize("NFKC", word)).casefold()
    if "'" in key or "’" in key:
        key = key.replace("’", "'")
        key = key.removesuffix("'s").replace("'", "")
    if len(key) <= 3 or key[-1] != "s" or key.endswith(("ss", "us", "is")):
        return key
    if key.endswith("ies") and len(key) > 4:
        return key[:-3] + "y"
    if key.endswith(("sses", "xes", "ches", "shes", "zzes")):
        return key[:-2]
    return key[:-1]


def tokenize(text: str) -> list[Token]:
    """Return the tokens of a text in their order. Linear in its length; spaces and framing punctuation give none."""
    if _PLAIN.fullmatch(text):
        return _plain_tokens(text)
    if text.isascii():
        return _tokens(text)
    tokens = _tokens(text.translate(_ALIKE))
    for token in tokens:
        token.raw = text[token.start : token.end]
        if token.kind is QUOTED:  # what is quoted is taken as it stands
            token.raw = _ESCAPE.sub(r"\1", token.raw[1:-1])
            token.key = f'"{fold(token.raw)}'
        token.gap = token.gap.replace(_UNSEEN, "")
    return tokens


def _plain_tokens(text: str) -> list[Token]:
    """Return the tokens of a text without any signs that are read, in half the time that others take."""
    tokens: list[Token] = []
    end = 0
    for gap, word, digits in _PLAIN_TOKEN.findall(text):
        start = end + len(gap)
        end = start + len(word or digits)
        if word:
            tokens.append(Token(stem(word), WORD, start, end, word, gap))
        else:
            tokens.append(Token(digits, NUMBER, start, end, digits, gap))
    return tokens


def _tokens(text: str) -> list[Token]:
    """Return the tokens of a text in plain signs."""
    tokens: list[Token] = []
    end = 0
    skipped = ""
    for before, word, number, quoted, symbol, stray, other in _TOKEN.findall(text):
        gap = skipped + before
        start = end + len(gap)
        if word:
            end = start + len(word)
            tokens.append(Token(stem(word), WORD, start, end, word, gap))
        elif number:
            end = start + len(number)
            tokens.append(Token(number, NUMBER, start, end, number, gap))
        elif symbol:
            end = start + len(symbol)
            tokens.append(Token(_SYMBOLS.get(symbol, symbol), SYMBOL, start, end, symbol, gap))
        elif quoted:
            end = start + len(quoted) + 2  # with its quotes
            content = _ESCAPE.sub(r"\1", quoted)
            tokens.append(Token(f'"{fold(content)}', QUOTED, start, end, content, gap))
        elif other:
            end = start + len(other)
            tokens.append(Token(other, Kind.OTHER, start, end, other, gap))
        else:
            skipped = gap + stray
            continue
        skipped = ""
    return tokens


@lru_cache(maxsize=32768)
def keys(text: str) -> tuple[str, ...]:
    """Return the keys of a text of the vocabulary or of the fixed words."""
    if _PLAIN.fullmatch(text):
        return tuple([stem(run) for run in _RUN.findall(text)])
    return tuple(token.key for token in tokenize(text))


def checked(question: str) -> str:
    """Return the question if it is text that can be read.

    Raises:
        QuestionError: it is blank, longer than `MAX_LENGTH` characters, or holds control characters.
    """
    if len(question) > MAX_LENGTH:
        raise QuestionError(
            f"The question has {len(question):,} characters; at most {MAX_LENGTH:,} are read.", position=MAX_LENGTH
        )
    if not question.isprintable():
        for position, character in enumerate(question):
            # Surrogates cannot be sent on, control characters are no part of a question; emoji joiners (Cf) are fine.
            if unicodedata.category(character) in ("Cc", "Cs") and character not in "\n\r\t":
                raise QuestionError(
                    f"The question holds the control character U+{ord(character):04X} at position {position}.",
                    position=position,
                )
    if not question.strip():
        raise QuestionError("The question is blank; ask for records, such as “rentals ending this month”.")
    return question
