"""The field of an address that we are going to write to."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError


class EmailField(forms.EmailField):
    """An address; refuses a domain that Django takes, and no mail server could be asked for."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("label", "E-mail address")
        kwargs.setdefault("widget", forms.EmailInput(attrs={"autocomplete": "email"}))
        super().__init__(max_length=254, **kwargs)

    def clean(self, value: Any) -> Any:
        """Return the address. ValidationError when it cannot be one."""
        address = super().clean(value)
        try:
            str(address).rpartition("@")[2].encode("idna")
        except UnicodeError:
            wrong = "No mail can be sent to this address: what follows the @ cannot be a domain."
            raise ValidationError(wrong) from None
        return address
