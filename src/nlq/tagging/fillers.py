"""Small words, as data: those that carry no condition, that stand for others, or that are known but not understood.

Gives `FILLERS`, `PRONOUNS`, `EVERYTHING`, `UNREAD` and `UNITS`. See `words.py` for how phrases are read.
"""

from __future__ import annotations

from typing import Final

FILLERS: Final = (
    # verbs and politeness around a question
    *("show", "show me", "list", "list me", "give", "give me", "find", "find me", "get", "get me", "display", "fetch"),
    *(
        "see",
        "tell",
        "tell me",
        "tell us",
        "search",
        "search for",
        "look",
        "look up",
        "look for",
        "pull up",
        "bring up",
    ),
    *(
        "print",
        "print out",
        "list out",
        "provide",
        "provide me with",
        "query",
        "sorry",
        "oops",
        "retrieve",
        "inclusive",
        "inclusively",
    ),
    *(
        "need",
        "want",
        "would like",
        *("i'd like", "i'd love", "i'd want", "i'd need", "like to see", "love to see", "i'd be interested in"),
        "like",
        "gimme",
        "i'd",
        "i'm",
        "looking for",
        "interested in",
        "looking",
        "can",
        "could",
    ),
    *("would", "will", "please", "pls", "kindly", "thanks", "thank you", "thx", "hi", "hello", "hey", "ok", "okay"),
    *(
        "let",
        "let's",
        "let me",
        "you",
        "i",
        "me",
        "we",
        "us",
        "our",
        "my",
        "your",
        "their",
        "its",
    ),
    *("what", "what's", "which", "who has", "whose", "where", "where's", "that's", "there", "there's"),
    *(
        "that",
        "this one",
        "such",
        "so",
        "now",
        "just",
        "only",
        "simply",
        "currently",
        "still",
        "yet",
        "right now",
        "at the moment",
    ),
    # articles, quantifiers, forms of to be
    *(
        "the",
        "a",
        "an",
        "all",
        "all of",
        "any and all",
        "each and every",
        "all the",
        "any",
        "every",
        "everything",
        "anything",
        "whatever",
        "some",
        "one",
    ),
    *(
        "ones",
        "each of",
        "both",
        "either",
        "is",
        "are",
        "was",
        "were",
        "be",
        "been",
        "being",
        "do",
        "does",
        "did",
        "am",
    ),
    *("exist", "exists", "listed", "available", "full list of", "complete list of", "list of", "overview of"),
    *("detail", "details", "details of", "details on", "details about", "information", "information on", "info on"),
    *(
        "information about",
        "info about",
        "everything about",
        "marked as",
        "flagged as",
        "tagged as",
        "flagged",
        "marked",
    ),
    *("distribution of", "nothing but", "none but"),
    # prepositions; the ones with a meaning of their own in some places carry that tag too
    *("in", "on", "at", "of", "for", "as", "from", "to", "into", "within", "inside", "located in", "located at"),
    *("sitting in", "sitting at", "standing in", "parked in", "parked at", "stationed in", "stationed at", "identify"),
    *("over in", "over at", "name", "name me", "though", "although", "good morning", "morning", "fleet of"),
    *("need to know", "want to know", "like to know", "have to know", "set of", "tagged", "tagged with"),
    *(
        "located",
        "placed in",
        "belonging to",
        "belong to",
        "belongs to",
        "assigned to",
        "made by",
        "manufactured by",
        "built by",
        "supplied by",
    ),
    *("run a report of", "run a report on", "run a report for", "run a list of", "run a query for", "with regard to"),
    *("falls in", "falls on", "falls within", "falling in", "falling on", "fall in", "fall on", "lies in", "lie in"),
    *("part of", "associated with", "tied to", "linked to", "related to", "covered by", "covered under", "attached to"),
    *("allocated to", "sit in", "sits in", "sit at", "sits at", "we've", "i've"),
    *("go through", "going through", "called", "named", "labelled", "labeled", "under contract", "if", "about the"),
    # words beside an amount or a value that add nothing to it
    *("according to", "based on", "with respect to", "in terms of", "in", "across the", "among", "amongst", "of all"),
    *("using", "use", "uses", "supply", "supplies", "supplied", "provide", "provides", "providing", "used"),
    *("equipment that is", "been", "have been", "has been", "come", "comes", "came", "set to", "scheduled to"),
    *(
        "scheduled",
        "expected to",
        "expected",
        "supposed to",
        "going to",
        "about to",
        "due to",
        "currently have",
        "to be",
    ),
    *("breakdown of", "give me a breakdown of", "summary of", "number them", "hold", "holds", "contain", "contains"),
    *("value", "costing", "costs", "priced", "priced at", "worth", "valued at"),
    *("result", "results", "row", "rows", "entry", "entries", "thing", "things", "stuff", "data", "info"),
    *("type", "types", "question mark", "here", "today's list", "go", "charged", "running", "being charged"),
    "s",  # of "Silo 4's" and "F-150s"
)
"""Phrases that carry no condition."""

PRONOUNS: Final = ("it", "them", "these", "they", "those")
"""Words for what was said before: filler where this question said it, not understood where another did."""

EVERYTHING: Final = frozenset(("all", "everything", "anything", "any", "every", "whatever"))
"""Fillers, as keys, that are a question on their own; a greeting is none."""

UNREAD: Final = (
    *("today", "tomorrow", "yesterday", "tonight", "day", "week", "weekend", "month", "quarter", "year", "fortnight"),
    *("daily", "weekly", "monthly", "quarterly", "yearly", "annual", "annually", "next", "last", "past", "previous"),
    *("this", "coming", "upcoming", "following", "recent", "recently", "ago", "since", "before", "after", "during"),
    *("while", "earlier", "later", "early", "late", "mid", "soon", "overdue", "date", "time", "hour", "minute"),
    *("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november"),
    *("december", "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec"),
    *("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
    *("due", "idle", "utilization", "utilisation", "utilized", "percent", "place", "when", "not only", "not just"),
    *("idling", "unused", "underused", "underutilized", "location of"),
    *("delete", "remove", "move", "push", "pull", "extend", "shift", "delay", "increase", "reduce", "change", "set"),
    *("mark", "make", "reassign", "assign", "update", "drop", "why", "how long", "compare"),
)
"""Words of English that are recognized as such but not understood: reported, and never taken for a misspelt value."""

UNITS: Final = frozenset(
    (
        *("day", "week", "month", "quarter", "year", "hour", "minute", "time", "percent", "%"),
        *("ton", "tonne", "t", "lb", "kg", "hp", "kw", "mw", "foot", "feet", "ft", "mile", "km"),
        *("record", "item", "piece", "unit", "machine"),
    )
)
"""Words after a plain number that make it no amount of money: "over 30 days"."""
