"""A length of time in a form: a number and its unit, in one field."""

from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError

from app.checks.schedule import MAX_SECONDS
from app.pages import words

UNITS = (
    (1, "seconds"),
    (60, "minutes"),
    (3_600, "hours"),
    (86_400, "days"),
    (604_800, "weeks"),
)


class AmountWidget(forms.MultiWidget):
    """A number beside the choice of its unit."""

    template_name = "pages/_amount.html"

    def __init__(self, label: str) -> None:
        number = forms.NumberInput(attrs={"min": 1, "inputmode": "numeric"})
        unit = forms.Select(choices=UNITS, attrs={"aria-label": f"Unit of the {label.lower()}"})
        super().__init__([number, unit])

    def decompress(self, value: int | None) -> list[Any]:
        """Return seconds as a number of the largest unit that fits."""
        if not value:
            return [None, 60]
        unit = max(size for size, _ in UNITS if value % size == 0)
        return [value // unit, unit]

    def id_for_label(self, id_: str) -> str:
        """Return the id of the number, which the label belongs to."""
        return f"{id_}_0"


class AmountField(forms.MultiValueField):
    """A period or a grace; cleaned, it is a whole number of seconds within bounds, or None."""

    def __init__(self, label: str, **kwargs: Any) -> None:
        fields = (
            forms.IntegerField(),
            forms.TypedChoiceField(choices=UNITS, coerce=int),
        )
        widget = AmountWidget(label)
        super().__init__(fields, label=label, widget=widget, **kwargs)

    def compress(self, data_list: list[Any]) -> int | None:
        """Return seconds; None when no number was given."""
        if not data_list or data_list[0] is None:
            return None
        number, unit = data_list
        if not unit:
            raise ValidationError(f"Choose the unit of the {str(self.label).lower()}.")
        least = settings.MIN_PERIOD_SECONDS
        if not least <= number * unit <= MAX_SECONDS:
            bounds = f"{words.length(least)} and {words.length(MAX_SECONDS)}"
            raise ValidationError(f"The {str(self.label).lower()} has to be between {bounds}.")
        return int(number * unit)
