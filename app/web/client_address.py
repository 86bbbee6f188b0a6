"""Who asks? This is where we read a client's address behind our own relay."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str:
    """Return the address of the client, or "" when it is not known.

    A relay on our unix socket (no REMOTE_ADDR) or a trusted proxy set the last
    entry of X-Forwarded-For; what stands before that anybody may have written.
    """
    peer = request.META.get("REMOTE_ADDR", "")
    if peer and not _is_trusted(peer):
        return str(peer)
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip()
    return forwarded or str(peer)


def network_of_client(request: HttpRequest) -> str:
    """Return what to throttle: an IPv4 address, or the /64 that a single host commands."""
    address = client_address(request)
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    return str(parsed.ipv4_mapped or ipaddress.IPv6Network((int(parsed), 64), strict=False))


def _is_trusted(peer: str) -> bool:
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return False
    return any(address in network for network in settings.TRUSTED_PROXIES)
