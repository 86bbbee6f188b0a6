"""A length of time in a form: a number and its unit, in one field."""

from typing import Any

from django import forms

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
    """A length of time; cleaned, it is a whole number of seconds or None."""

    def __init__(self, label: str, **kwargs: Any) -> None:
        fields = (
            forms.IntegerField(min_value=1, max_value=10**9),
            forms.TypedChoiceField(choices=UNITS, coerce=int),
        )
        widget = AmountWidget(label)
        super().__init__(fields, label=label, widget=widget, **kwargs)

    def compress(self, data_list: list[Any]) -> int | None:
        """Return seconds; None when no number was given."""
        return data_list[0] * data_list[1] if data_list and data_list[0] else None
