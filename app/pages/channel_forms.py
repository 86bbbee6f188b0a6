"""The forms of channels: this is where what a person types becomes a channel's config."""

import re
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.core.exceptions import ValidationError

from app.alerts.models import Channel
from app.pages import channel_checks

SIDES = (("down", "When a check goes down"), ("up", "When it is up again"))
METHODS = (("GET", "GET"), ("POST", "POST"), ("PUT", "PUT"))
MAX_CHARS = 1_000
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
OURS = {"host", "content-length", "transfer-encoding", "connection"}


class ChannelForm(forms.Form):
    """What every kind of channel has; a subclass adds the config of its own."""

    name = forms.CharField(
        required=False, max_length=100, help_text="How you call it, such as “night shift”."
    )
    all_checks = forms.BooleanField(
        required=False, initial=True, label="Tell of all checks that the project has now"
    )

    def __init__(self, *args: Any, channel: Channel, **kwargs: Any) -> None:
        if channel.pk:
            kwargs["initial"] = {"name": channel.name, **self.typed(channel.config)}
        super().__init__(*args, **kwargs)
        if channel.pk:
            del self.fields["all_checks"]
            self.fields["checks"] = channel_checks.field(channel)

    def typed(self, config: dict[str, Any]) -> dict[str, Any]:
        """Return the fields that give this config."""
        raise NotImplementedError

    def config(self) -> dict[str, Any]:
        """Return the config of a valid form."""
        raise NotImplementedError


class EmailForm(ChannelForm):
    """An address, and when it is written to."""

    to = forms.EmailField(label="E-mail address", max_length=254)
    on_down = forms.BooleanField(required=False, initial=True, label="when a check goes down")
    on_up = forms.BooleanField(required=False, initial=True, label="when it is up again")

    def typed(self, config: dict[str, Any]) -> dict[str, Any]:
        """Return the fields that give this config."""
        return config

    def clean_to(self) -> str:
        """Refuse a domain that Django takes, and that no mail server could be asked for."""
        to = str(self.cleaned_data["to"])
        try:
            to.rpartition("@")[2].encode("idna")
        except UnicodeError:
            wrong = "No mail can be sent to this address: what follows the @ cannot be a domain."
            raise ValidationError(wrong) from None
        return to

    def clean(self) -> dict[str, Any]:
        """Refuse a channel that would never say anything."""
        data = super().clean() or self.cleaned_data
        if not data.get("on_down") and not data.get("on_up"):
            self.add_error("on_down", "Tick at least one, or nothing would ever be sent.")
        return data

    def config(self) -> dict[str, Any]:
        """Return the config of a valid form."""
        return {key: self.cleaned_data[key] for key in ("to", "on_down", "on_up")}


class WebhookForm(ChannelForm):
    """Two requests, one for each direction; either may be left out."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for side, _ in SIDES:
            self.fields |= {f"{side}_{name}": field for name, field in _request_fields()}

    def typed(self, config: dict[str, Any]) -> dict[str, Any]:
        """Return the fields that give this config."""
        fields: dict[str, Any] = {}
        for side, _ in SIDES:
            request = config.get(side)
            if not request:
                continue
            headers = "\n".join(
                f"{name}: {text}" for name, text in request.get("headers", {}).items()
            )
            fields |= {f"{side}_{key}": request.get(key, "") for key in ("url", "method", "body")}
            fields[f"{side}_headers"] = headers
        return fields

    def sides(self) -> list[dict[str, Any]]:
        """Return the fields of each direction, for the template."""
        names = ("url", "method", "headers", "body")
        return [
            {"legend": legend} | {name: self[f"{side}_{name}"] for name in names}
            for side, legend in SIDES
        ]

    def clean(self) -> dict[str, Any]:
        """Refuse a channel that would never say anything."""
        data = super().clean() or self.cleaned_data
        if not any(data.get(f"{side}_url") or f"{side}_url" in self.errors for side, _ in SIDES):
            self.add_error("down_url", "Give an address for at least one of the two.")
        return data

    def config(self) -> dict[str, Any]:
        """Return the config of a valid form."""
        return {side: self._request(side) for side, _ in SIDES}

    def _request(self, side: str) -> dict[str, Any] | None:
        names = ("url", "method", "headers", "body")
        request = {name: self.cleaned_data[f"{side}_{name}"] for name in names}
        return request if request["url"] else None


class HeadersField(forms.CharField):
    """Lines of `Name: value`; cleaned, they are a dict."""

    widget = forms.Textarea(attrs={"rows": 2, "spellcheck": "false"})

    def to_python(self, value: Any) -> Any:
        """Return the lines as a dict; ValidationError names the line that is wrong."""
        lines = (super().to_python(value) or "").splitlines()
        headers: dict[str, str] = {}
        for name, text in (_header(line) for line in lines if line.strip()):
            if name.lower() in (known.lower() for known in headers):
                raise ValidationError(f"The header {name} is there twice. Keep one of the lines.")
            headers[name] = text
        return headers

    def run_validators(self, value: Any) -> None:
        """Bound the length of all headers together."""
        if sum(len(name) + len(text) + 2 for name, text in value.items()) > MAX_CHARS:
            raise ValidationError(f"All headers together may have {MAX_CHARS} characters.")


def _request_fields() -> tuple[tuple[str, forms.Field], ...]:
    body = forms.Textarea(attrs={"rows": 3, "spellcheck": "false"})
    return (
        (
            "url",
            forms.CharField(
                label="Address",
                required=False,
                max_length=MAX_CHARS,
                validators=[_check_address],
                widget=forms.TextInput(attrs={"inputmode": "url", "spellcheck": "false"}),
            ),
        ),
        ("method", forms.ChoiceField(label="Method", choices=METHODS, initial="POST")),
        (
            "headers",
            HeadersField(label="Headers", required=False, help_text="Name: value, one a line."),
        ),
        (
            "body",
            forms.CharField(
                label="Body", required=False, max_length=MAX_CHARS, strip=False, widget=body
            ),
        ),
    )


def _check_address(address: str) -> None:
    """Refuse what no request can be sent to. Private addresses are refused at sending."""
    try:
        parts = urlsplit(address)
        is_good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_good = False
    if not is_good or any(char.isspace() or not char.isprintable() for char in address):
        raise ValidationError("Give a whole address, such as https://example.org/hook.")


def _header(line: str) -> tuple[str, str]:
    name, colon, text = (part.strip() for part in line.partition(":"))
    if not colon or not TOKEN.fullmatch(name) or not text.isprintable():
        raise ValidationError(f"Not a header: {line[:60]!r}. Write it as Name: value.")
    if name.lower() in OURS:
        raise ValidationError(f"{name} is set by us. Leave it out.")
    return name, text


FORMS: dict[str, type[ChannelForm]] = {"email": EmailForm, "webhook": WebhookForm}
