"""Change one's address: a link to the new mailbox, and a notice to the old one."""

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from app.accounts import email_change
from app.accounts.throttle import MAILS_TO, TRIES_OF_ADDRESS
from app.pages import mail, tries
from app.pages.access import signed_in, typed
from app.pages.email_field import EmailField
from app.pages.session import recently_signed_in
from app.web.client_address import network_of_client


class AddressForm(forms.Form):
    """The new address."""

    email = EmailField(label="New e-mail address")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@recently_signed_in
def ask(request: HttpRequest) -> HttpResponse:
    """Mail a link to the new address. The answer does not say whether somebody has it."""
    user, now = signed_in(request), timezone.now()
    form = AddressForm(typed(request))
    if not form.is_valid():
        return _page(request, form, 422 if form.is_bound else 200)
    new = form.cleaned_data["email"]
    spent = ((TRIES_OF_ADDRESS, network_of_client(request)), (MAILS_TO, new.lower()))
    if answer := tries.refused(form, spent, now, lambda status: _page(request, form, status)):
        return answer
    link = email_change.make_link(user, new, now)
    mail.send("email_change", new if link else "", link=link or "", old=user.email)
    said = f"A link is on its way to {new}. Your address changes when you open it, within an hour."
    messages.info(request, said)
    return redirect("account")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def use_link(request: HttpRequest, token: str) -> HttpResponse:
    """Change the address after a click: programs that scan mail open links too."""
    link = email_change.find_link(token, timezone.now())
    if link is not None and request.method != "POST":
        context = {"old": link.user, "new": link.email}
        return render(request, "pages/account_email_confirm.html", context)
    old = email_change.use_up(link) if link else None
    if link is None or old is None:
        return render(request, "pages/account_email_spent.html", status=410)
    mail.send("email_changed", old, new=link.email)
    messages.success(request, f"Your address is {link.email} now.")
    return redirect("account")


def _page(request: HttpRequest, form: AddressForm, status: int) -> HttpResponse:
    context = {"form": form, "mail_is_kept": mail.is_kept()}
    return render(request, "pages/account_email.html", context, status=status)
