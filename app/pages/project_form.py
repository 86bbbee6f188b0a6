"""The form of a project: a new one's, and the one that renames it."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError


class ProjectForm(forms.Form):
    """The one field of a project."""

    name = forms.CharField(max_length=100, help_text="A machine, a team or a customer.")

    def clean_name(self) -> str:
        """Return the name in one line: subjects of mails carry it."""
        return " ".join(str(self.cleaned_data["name"]).split())


class TypedNameForm(forms.Form):
    """The project's name, typed: nobody deletes one by mistake."""

    name = forms.CharField(
        label="Name of the project",
        max_length=100,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, expected: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.expected = expected

    def clean_name(self) -> str:
        """Compare it with the project's."""
        name = " ".join(str(self.cleaned_data["name"]).split())
        if name != " ".join(self.expected.split()):
            raise ValidationError(f"This is not the name of the project, {self.expected}.")
        return name
