"""Which checks of a list are wanted: the filter that stands in the address. Pure."""

from dataclasses import dataclass, replace
from urllib.parse import urlencode
from uuid import UUID

from django.http import QueryDict

from app.checks.shown_now import TROUBLE_FIRST
from app.checks.state import Shown

LONGEST_TEXT = 100
MOST_TAGS = 20
LEAST_OF_AN_ID = 4


@dataclass(frozen=True, slots=True)
class Filter:
    """Every word of `text` is in name, slug or tags, or begins the id; every tag is there."""

    text: str = ""
    tags: tuple[str, ...] = ()
    states: tuple[Shown, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.text or self.tags or self.states)

    def takes(self, shown: Shown, name: str, slug: str, tags: str, code: UUID) -> bool:
        """Return True when a check is wanted."""
        if self.states and shown not in self.states:
            return False
        if self.tags and not set(self.tags).issubset(tags.split()):
            return False
        if not self.text:
            return True
        said = f"{name}\n{slug}\n{tags}".casefold()
        return all(word in said or _begins(code, word) for word in self.text.casefold().split())

    def pairs(self) -> list[tuple[str, str]]:
        """Return what a form has to send besides the text."""
        return [("tag", tag) for tag in self.tags] + [("state", one.value) for one in self.states]

    def query(self, **more: object) -> str:
        """Return the filter as the end of an address: "?q=dump&tag=prod", or ""."""
        text = [("q", self.text)] if self.text else []
        pairs = [*text, *self.pairs(), *((name, str(value)) for name, value in more.items())]
        return "?" + urlencode(pairs) if pairs else ""

    def with_state(self, state: Shown) -> "Filter":
        """Return the filter with a state more, or without it when it has it."""
        others = tuple(one for one in self.states if one is not state)
        return replace(self, states=others if state in self.states else (*others, state))

    def with_tag(self, tag: str) -> "Filter":
        """Return the filter with a tag more, or without it when it has it."""
        others = tuple(one for one in self.tags if one != tag)
        return replace(self, tags=others if tag in self.tags else (*others, tag))

    def in_words(self) -> str:
        """Return "“dump”, tags prod and db, down or late"."""
        tags = f"tag{'s' if len(self.tags) > 1 else ''} {' and '.join(self.tags)}"
        parts = (f"“{self.text}”", tags, " or ".join(self.states))
        given = (self.text, self.tags, self.states)
        return ", ".join(part for part, one in zip(parts, given, strict=True) if one)


def _begins(code: UUID, word: str) -> bool:
    """Return True for the beginning of an id; two letters, as in "db", would be there by chance."""
    return len(word) >= LEAST_OF_AN_ID and (str(code).startswith(word) or code.hex.startswith(word))


def read(query: QueryDict) -> Filter:
    """Return the filter of an address; what makes no sense there is left out."""
    known = {state.value: state for state in TROUBLE_FIRST}
    states = [known[name] for name in query.getlist("state") if name in known]
    tags = [tag for value in query.getlist("tag") for tag in value.split()]
    return Filter(
        text=" ".join(query.get("q", "").split())[:LONGEST_TEXT].strip(),
        tags=tuple(dict.fromkeys(tags))[:MOST_TAGS],
        states=tuple(dict.fromkeys(states)),
    )


def page_number(query: QueryDict) -> int:
    """Return the wanted page, from 1; 1 for what is no number."""
    digits = query.get("page", "")
    return max(1, int(digits)) if digits.isascii() and digits.isdigit() and len(digits) < 7 else 1
