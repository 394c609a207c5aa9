"""Gets a list over HTTP, within bounds of time and size."""

import http.client
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import IO, NamedTuple

from riskengine.errors import InputError
from riskengine.ruleset.files_below import BYTES_MAX

_TIMEOUT_S = 30.0
_AGENT = "riskengine (list update)"


class Fetched(NamedTuple):
    """What a server said."""

    content: bytes
    unchanged: bool = False
    """The server knows that nothing has changed; there is no content then."""
    etag: str = ""
    last_modified: str = ""


def fetch(url: str, headers: Mapping[str, str]) -> Fetched:
    """The answer to a GET of an http(s) URL; InputError with the URL and what went wrong."""
    request = urllib.request.Request(url, headers={"User-Agent": _AGENT, **headers})  # noqa: S310 - the schema takes http and https alone
    opener = urllib.request.build_opener(_HttpOnly)
    try:
        with opener.open(request, timeout=_TIMEOUT_S) as response:
            content = response.read(BYTES_MAX + 1)
            kept = response.headers
    except urllib.error.HTTPError as error:
        if error.code == http.HTTPStatus.NOT_MODIFIED:
            return Fetched(b"", unchanged=True)
        raise InputError(f"{url}: HTTP {error.code} {error.reason}") from None
    except (OSError, http.client.HTTPException) as error:
        raise InputError(f"{url}: {getattr(error, 'reason', None) or error}") from None
    if len(content) > BYTES_MAX:
        raise InputError(f"{url}: more than {BYTES_MAX} bytes")
    return Fetched(content, False, kept.get("ETag", ""), kept.get("Last-Modified", ""))


class _HttpOnly(urllib.request.HTTPRedirectHandler):
    """Follows redirects to http and https, and never from https to http."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        """The next request; HTTPError where the way leads elsewhere."""
        allowed = ("https://",) if req.full_url.startswith("https://") else ("https://", "http://")
        if not newurl.startswith(allowed):
            raise urllib.error.HTTPError(newurl, code, "redirected to it", headers, fp)
        return super().redirect_request(req, fp, code, msg, headers, newurl)
