"""Who may read the metrics: decided here. Pure.

With a token (METRICS_TOKEN) whoever shows it, as `Authorization: Bearer TOKEN`; without
one this machine alone, and nobody through a proxy that says for whom it asks.
"""

import hmac
from ipaddress import IPv6Address, ip_address


def may_scrape(token: str, *, peer: str, forwarded_for: str, authorization: str) -> bool:
    """Return True when the metrics may be shown. The token is compared in constant time."""
    if token:
        scheme, _, shown = authorization.partition(" ")
        is_same = hmac.compare_digest(shown.strip().encode(), token.encode())
        return scheme.lower() == "bearer" and is_same
    return not forwarded_for and _is_loopback(peer)


def _is_loopback(peer: str) -> bool:
    try:
        address = ip_address(peer.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return address.is_loopback
