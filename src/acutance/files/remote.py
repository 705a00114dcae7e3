"""Addresses: what is known of a file elsewhere, and which places may be asked for it (https alone)."""

from __future__ import annotations

import ipaddress
import urllib.request
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from acutance.errors import ResourceError, UsageError

LABELS = {"sha256": "SHA-256", "md5": "MD5"}


@dataclass(frozen=True, kw_only=True)
class Remote:
    """A file elsewhere: its address, and what is known of it. ``size`` in bytes, hashes hexadecimal."""

    url: str
    size: int | None = None
    sha256: str | None = None
    md5: str | None = None

    @property
    def hashes(self) -> dict[str, str]:
        """The hashes to compare, strongest first and alone."""
        return {"sha256": self.sha256} if self.sha256 else {"md5": self.md5} if self.md5 else {}

    @property
    def checks(self) -> str:
        """What is compared, in words."""
        known = ["size"] * bool(self.size) + [LABELS[name] for name in self.hashes]
        return " and ".join(known) or "nothing"


def amount(count: float) -> str:
    """Bytes as people read them.

    >>> amount(812), amount(70_763_455), amount(3_530_603_713)
    ('812 bytes', '70.8 MB', '3.5 GB')
    """
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if count >= unit:
            return f"{count / unit:.1f} {name}"
    return f"{count:.0f} bytes"


def check_address(url: str, redirected_from: str | None = None) -> None:
    """Refuse whatever is not https; plain http only to this very machine, and never by a redirect from afar."""
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return
    near = parts.scheme == "http" and _is_loopback(parts.hostname)
    if near and (redirected_from is None or _is_loopback(urlsplit(redirected_from).hostname)):
        return
    if redirected_from is None:
        raise UsageError(f"{url}: only https addresses are fetched; give one")
    raise ResourceError(
        f"{redirected_from}: redirects to {url}, which is not https; nothing was fetched from there. "
        "Fetch the file by hand if you trust it"
    )


def _is_loopback(host: str | None) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


class _Redirects(urllib.request.HTTPRedirectHandler):
    max_redirections = 5

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        try:
            check_address(newurl, redirected_from=req.full_url)
        except ResourceError:
            fp.close()
            raise
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def opener(url: str) -> urllib.request.OpenerDirector:
    """http and https alone; a proxy of the environment is used, except to this machine."""
    director = urllib.request.OpenerDirector()
    proxies = {} if _is_loopback(urlsplit(url).hostname) else None
    for handler in (
        urllib.request.ProxyHandler(proxies), urllib.request.HTTPHandler(), urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(), _Redirects(), urllib.request.HTTPErrorProcessor(),
    ):  # fmt: skip
        director.add_handler(handler)
    return director
