"""Values that nobody changes, made by the thousand: this is where they get their constructor."""

from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

_Class = TypeVar("_Class")


@dataclass_transform(frozen_default=True)
def frozen(cls: type[_Class]) -> type[_Class]:
    """Make a dataclass with slots and a hash, which mypy keeps from being changed.

    Python does not: with frozen=True it sets each field by a call, and making a value takes
    three times as long. The drain makes ten of them for each ping.
    """
    return dataclass(slots=True, unsafe_hash=True)(cls)
