"""Boxes to tick, one for each row: this is where what was ticked becomes rows."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError

if TYPE_CHECKING:
    Boxes = forms.ModelMultipleChoiceField[Any]
else:
    Boxes = forms.ModelMultipleChoiceField


class RowBoxes(Boxes):
    """A choice of several rows, that also refuses a number which is too large for an id."""

    def clean(self, value: Any) -> Any:
        """Return the chosen rows. ValidationError when one of them is not among the choices."""
        try:
            return super().clean(value)
        except OverflowError:  # SQLite compares with 64 bits only
            wrong = self.error_messages["invalid_choice"] % {"value": "a number that long"}
            raise ValidationError(wrong) from None
