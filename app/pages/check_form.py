"""The form of a check: this is where what a person types becomes its rules."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar
from zoneinfo import available_timezones

from django import forms
from django.conf import settings
from django.core.validators import RegexValidator
from django.utils.text import slugify

from app.accounts.models import Project
from app.alerts.models import Channel
from app.checks.models import Check
from app.checks.schedule import (
    FIRST_YEAR,
    Kind,
    Schedule,
    ScheduleError,
    validate,
)
from app.checks.state import Rules
from app.checks.zones import canonical_tz
from app.pages.amount import AmountField
from app.pages.channel_words import title
from app.pages.row_boxes import RowBoxes

KINDS = (
    ("simple", "Every so often"),
    ("cron", "Cron expression"),
    ("oncalendar", "systemd OnCalendar"),
)
# What an edit may write. Never the state: the drain writes that at the same time.
SHARED_COLUMNS = (
    *("name", "slug", "tags", "desc", "kind", "schedule", "tz", "manual_resume"),
    *("filter_http_body", "success_kw", "failure_kw", "start_kw", "filter_default_fail"),
)
COLUMNS = (*SHARED_COLUMNS, "period_seconds", "grace_seconds", "methods")
# What the stylesheet hides: fields that do not apply to what was chosen.
_OF_OTHER_KINDS = {"simple": ("schedule", "tz"), "cron": ("period",), "oncalendar": ("period",)}
# What each preview shows, and so what may be wrong with it.
PREVIEWED = {
    "schedule": ("kind", "period", "grace", "schedule", "tz"),
    "words": ("failure_kw", "success_kw", "start_kw", "filter_default_fail", "try_body"),
}
_OF_WORDS = ("failure_kw", "success_kw", "start_kw", "filter_default_fail")

if TYPE_CHECKING:
    CheckModelForm = forms.ModelForm[Check]
else:
    CheckModelForm = forms.ModelForm


class ChannelChoice(RowBoxes):
    """Channels to tell, each with its kind."""

    def label_from_instance(self, channel: Any) -> str:
        """Return the channel's name and kind."""
        return title(channel)


class CheckForm(CheckModelForm):
    """Everything that a person decides about a check."""

    name = forms.CharField(max_length=100)
    slug = forms.CharField(
        required=False,
        max_length=100,
        validators=[
            RegexValidator(r"\A[a-z0-9_-]+\Z", "Use only a-z, 0-9, the hyphen and the underscore.")
        ],
        help_text="The readable part of the ping address. Left empty, it is made from the name.",
    )
    tags = forms.CharField(required=False, max_length=500, help_text="Words, with spaces between.")
    desc = forms.CharField(
        label="Description",
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="What the job does, and what to do when it does not.",
    )
    kind = forms.ChoiceField(
        choices=KINDS, widget=forms.RadioSelect, initial="simple", label="How is the job scheduled?"
    )
    period = AmountField(
        "Period", required=False, initial=86_400, help_text="The usual time from ping to ping."
    )
    grace = AmountField(
        "Grace",
        initial=3_600,
        help_text="How late a ping may be, or how long a run may take, before you are told.",
    )
    schedule = forms.CharField(
        label="Expression",
        required=False,
        max_length=110,
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false", "autocapitalize": "off"}),
        help_text="Cron: 30 3 * * 1-5. OnCalendar: Mon..Fri 03:30, one expression a line.",
    )
    tz = forms.CharField(
        label="Time zone",
        max_length=36,
        initial="UTC",
        widget=forms.TextInput(attrs={"list": "zones", "autocomplete": "off"}),
        help_text="The zone of the clock that starts the job, such as Europe/Riga.",
    )
    only_post = forms.BooleanField(
        required=False,
        label="Only POST requests count as pings",
        help_text="For an address that chats, mails or browsers may open: what comes by GET or "
        "HEAD is put into the log and changes nothing.",
    )
    manual_resume = forms.BooleanField(
        required=False,
        label="When paused, stay paused until somebody resumes it",
        help_text="Otherwise the first ping after a pause resumes the check by itself.",
    )
    filter_http_body = forms.BooleanField(
        required=False,
        label="Judge pings by words in their body",
        help_text="For a job that cannot say by its address how it went, but sends its output.",
    )
    failure_kw = forms.CharField(
        required=False, max_length=200, label="Failure words", help_text="Such as: ERROR, failed"
    )
    success_kw = forms.CharField(
        required=False, max_length=200, label="Success words", help_text="Such as: done, 0 errors"
    )
    start_kw = forms.CharField(
        required=False, max_length=200, label="Start words", help_text="Such as: starting"
    )
    filter_default_fail = forms.BooleanField(
        required=False,
        label="A body with none of these words is a failure",
        help_text="Otherwise it is put into the log and changes nothing.",
    )
    try_body = forms.CharField(
        label="Try a body",
        required=False,
        max_length=10_000,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
        help_text="Paste what the job prints, and see what it would mean. It is not saved.",
    )
    channels = ChannelChoice(
        queryset=Channel.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label="Whom to tell",
    )

    class Meta:
        model = Check
        fields: ClassVar = SHARED_COLUMNS

    def __init__(self, *args: Any, project: Project, now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.now = now
        choice = self.fields["channels"]
        assert isinstance(choice, ChannelChoice)  # the type, for mypy
        choice.queryset = project.channels.order_by("pk")
        if self.instance.pk:
            self.initial = {**self.initial, **_initial(self.instance)}
        else:
            choice.initial = choice.queryset

    def clean(self) -> dict[str, Any]:
        """Make the slug, and let the schedule say what is wrong with it."""
        data = super().clean() or self.cleaned_data
        if not data.get("slug") and "slug" not in self.errors:
            data["slug"] = slugify(data.get("name", ""))[:100]
        data["tags"] = " ".join(data.get("tags", "").split())
        data["schedule"] = "\n".join(data.get("schedule", "").split("\r\n")).strip()
        data["tz"] = canonical_tz(data.get("tz", ""))
        self._leave_hidden(data)
        if not self.errors.keys() & {"kind", "period", "grace", "schedule", "tz"}:
            self._judge()
        return data

    def _leave_hidden(self, data: dict[str, Any]) -> None:
        """Leave as it is what the page hides: nobody could see what is wrong with it."""
        hidden = _OF_OTHER_KINDS.get(data.get("kind", ""), ())
        for name in (*hidden, *(() if data.get("filter_http_body") else _OF_WORDS)):
            self.errors.pop(name, None)
            data[name] = None if name == "period" else getattr(self.instance, name)

    def rule(self) -> Schedule:
        """Return the schedule that was typed, once the fields are clean."""
        data = self.cleaned_data
        period = data["period"] or self.instance.period_seconds
        return Schedule(Kind(data["kind"]), period, data["schedule"], data["tz"])

    def forgive_all_but(self, names: Collection[str]) -> None:
        """Forget what is wrong elsewhere: who looks at a preview has not finished yet."""
        for name in self.errors.keys() - set(names):
            del self.errors[name]

    def rules(self) -> Rules:
        """Return what was typed as rules, where it is clean, and what is stored elsewhere."""
        data = self.cleaned_data if self.is_bound else {}
        stored = self.instance.rules
        if self.is_bound and self.is_clean("schedule"):
            grace = timedelta(seconds=data["grace"])
            stored = replace(stored, schedule=self.rule(), grace=grace)
        names = ("filter_http_body", *_OF_WORDS)
        return replace(stored, **{name: data[name] for name in names if name in data})

    def is_clean(self, preview: str) -> bool:
        """Return True when nothing is wrong with what a preview shows."""
        return not (self.is_bound and self.errors.keys() & {*PREVIEWED[preview]})

    def has_twin(self) -> bool:
        """Return True when another check of the project has the slug that is stored or typed."""
        slug = self.cleaned_data.get("slug") if self.is_bound else self.instance.slug
        others = self.instance.project.checks.exclude(pk=self.instance.pk)
        return bool(slug) and others.filter(slug=slug).exists()

    def save(self, commit: bool = True) -> Check:
        """Return the check with its new rules; the caller writes it."""
        check = super().save(commit=False)
        check.period_seconds = self.cleaned_data["period"] or check.period_seconds
        check.grace_seconds = self.cleaned_data["grace"]
        check.methods = "POST" if self.cleaned_data["only_post"] else ""
        if commit:
            raise ValueError("written by check_edit, with the columns named")
        return check

    def _judge(self) -> None:
        least, data = settings.MIN_PERIOD_SECONDS, self.cleaned_data
        if data["kind"] == Kind.SIMPLE and data["period"] is None:
            self.add_error("period", "Say how often the job runs.")
            return
        try:
            validate(self.rule(), min_period_seconds=least, since=self._since())
        except ScheduleError as error:
            self.add_error(error.field, str(error))

    def _since(self) -> datetime:
        """Ask for a date to come, unless the schedule is an old one left as it was."""
        is_typed = {"kind", "schedule", "tz"} & set(self.changed_data)
        return self.now if is_typed else FIRST_YEAR


def _initial(check: Check) -> dict[str, Any]:
    return {
        "period": check.period_seconds,
        "grace": check.grace_seconds,
        "only_post": check.methods == "POST",
        "channels": list(check.channels.values_list("pk", flat=True)),
    }


@cache
def zone_names() -> tuple[str, ...]:
    """Return today's names of the world's zones, for the field's suggestions."""
    names = {canonical_tz(name) for name in available_timezones() if "/" in name}
    return (
        "UTC",
        *sorted(name for name in names if not name.startswith(("Etc/", "posix", "right"))),
    )
