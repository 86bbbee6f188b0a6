"""Do the pages answer? The load balancers ask, every second, each of them."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe


@never_cache
@require_safe
def pages(_request: HttpRequest) -> HttpResponse:
    """Answer 200, without the database.

    It is the same one for every server: were it asked, its trouble would take all
    servers away at once, and with them the page that says what the trouble is.
    """
    return HttpResponse("pages", content_type="text/plain; charset=utf-8")
