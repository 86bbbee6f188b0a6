"""The field of an address that we are going to write to."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError


class EmailField(forms.EmailField):
    """An address as a mail server is asked for it: all of it is ASCII, its domain too.

    Django takes letters that only look like others, and PostgreSQL compares in upper
    case, in which an i without its dot is an I: who reads the mail of github.com
    written with that letter would be let in as who has the name at the real one.
    """

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("label", "E-mail address")
        kwargs.setdefault("widget", forms.EmailInput(attrs={"autocomplete": "email"}))
        super().__init__(max_length=254, **kwargs)

    def clean(self, value: Any) -> Any:
        """Return the address. ValidationError when it cannot be one."""
        name, at, domain = str(super().clean(value)).rpartition("@")
        if not name.isascii():
            wrong = "What stands before the @ may only have the letters a to z, without accents."
            raise ValidationError(wrong)
        try:
            address = name + at + domain.encode("idna").decode("ascii")
        except UnicodeError:
            wrong = "No mail can be sent to this address: what follows the @ cannot be a domain."
            raise ValidationError(wrong) from None
        self.run_validators(address)  # the domain may have become longer
        return address
