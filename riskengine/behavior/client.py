"""What is remembered about one client: about 1.5 KB of counters, whatever it sends."""

from math import exp, log

from riskengine.behavior import sketch
from riskengine.behavior.traits import kind_of, place_of, read_referer, traits_of
from riskengine.headers import ByHead, Headers
from riskengine.inspection import Inspection
from riskengine.request import Request

HORIZONS_S = (10.0, 60.0, 600.0)
"""Over how long rates are averaged."""

_ACTED = 1 << 30
_GAP_MIN_S = 0.001
_GAP_MEMORY = 1 / 30  # weight of the newest gap once there have been thirty
_TRAITS = ByHead(traits_of)


class Standing:
    """How odd a client was when it was scored last. Empty until the model has answered."""

    __slots__ = ("model", "oddest", "score")

    def __init__(self, model: str) -> None:
        self.model = model
        """Version of the model that is asked; empty where there is none."""
        self.score: float | None = None
        self.oddest = ""
        """What was odd about it, in words; empty where no threshold is near."""


class Profile:
    """One client's counters. `learn` is called for each of its requests, in order.

    Mutable and made of plain numbers: this runs for every request, and a method call or an
    object per counter would double its cost.
    """

    __slots__ = (
        "agent", "agents", "answers", "apis", "assets", "auth_errors", "carts",
        "checkout_gap", "checkouts", "cookies", "depth", "encodings", "errors", "fetches",
        "first_at", "gap_mean", "gap_square", "gaps", "headed", "languages", "last_action_at",
        "last_at", "linked", "logins", "pages", "pages_headed", "places", "posts", "product_at",
        "product_places", "products", "queries", "quick", "rate_long", "rate_middle", "rate_short",
        "referred", "referred_here", "requests", "standing", "stopped", "unscored",
    )  # fmt: skip

    def __init__(self, at: float) -> None:
        self.first_at = self.last_at = at
        self.requests = self.pages = self.assets = self.apis = self.posts = self.queries = 0
        self.rate_short = self.rate_middle = self.rate_long = 0.0
        """Requests, each weighing e^(-age / horizon)."""
        self.last_action_at: float | None = None
        self.gaps = self.quick = 0
        """Gaps between actions (whatever is no asset), and those below one second."""
        self.gap_mean = self.gap_square = 0.0
        """Moving mean and variance of the logarithm of gaps in seconds."""
        self.places = self.product_places = 0
        """Sketches of the pages and of the products that were seen."""
        self.products = self.carts = self.checkouts = self.logins = 0
        self.depth = 0
        self.product_at: float | None = None
        self.checkout_gap: float | None = None
        """Shortest time from a product to the first step of the checkout after it."""
        self.headed = self.pages_headed = 0
        """Requests, and pages, whose source tells all headers."""
        self.languages = self.encodings = self.fetches = self.referred = 0
        self.referred_here = self.linked = 0
        """Pages with a referer of this shop, and those where the client has been on that page."""
        self.agent = self.agents = 0
        self.cookies = self.stopped = 0
        self.answers = self.errors = self.auth_errors = 0
        self.unscored = _ACTED
        """Assets since it was scored last; beyond all counting once it has acted."""
        self.standing = Standing("")
        """What came of it then."""

    def learn(self, inspection: Inspection) -> None:
        """Take note of one request and of what the stages before said about it."""
        request = inspection.request
        self._pass_time(inspection.at)
        self.requests += 1
        if inspection.decided_by is not None:
            self.stopped += 1
        if request.method == "POST":
            self.posts += 1
        if request.query:
            self.queries += 1
        self._learn_headers(request, inspection.headers)
        kind = kind_of(inspection)
        if kind == "asset":
            self.assets += 1
            self.unscored += 1
            return
        self.unscored = _ACTED
        self._learn_gap(inspection.at)
        if kind == "api":
            self.apis += 1
        else:
            self._learn_page(inspection)
        if inspection.route is not None and inspection.route.step is not None:
            self._learn_step(inspection, inspection.route.step)

    def is_due(self, model: str, assets: int) -> bool:
        """Whether it is to be scored: it acted, had so many assets, or the model is another one."""
        return self.unscored >= assets or self.standing.model != model

    def stand_anew(self, model: str) -> None:
        """Leave the old standing to the requests that have it; `model` fills the new one."""
        self.standing = Standing(model)
        self.unscored = 0

    def learn_outcome(self, status: int) -> None:
        """Take note of the HTTP status that a request of the client got in the end."""
        self.answers += 1
        if status >= 400:
            self.errors += 1
            if status in (401, 403):
                self.auth_errors += 1

    def _pass_time(self, at: float) -> None:
        elapsed = at - self.last_at
        if elapsed > 0:
            short, middle, long = HORIZONS_S
            self.rate_short *= exp(-elapsed / short)
            self.rate_middle *= exp(-elapsed / middle)
            self.rate_long *= exp(-elapsed / long)
            self.last_at = at
        self.rate_short += 1.0
        self.rate_middle += 1.0
        self.rate_long += 1.0

    def _learn_gap(self, at: float) -> None:
        before, self.last_action_at = self.last_action_at, at
        if before is None:
            return
        gap = at - before
        if gap < 1.0:
            self.quick += 1
        self.gaps += 1
        weight = max(1 / self.gaps, _GAP_MEMORY)
        away = log(max(gap, _GAP_MIN_S)) - self.gap_mean
        self.gap_mean += weight * away
        self.gap_square = (1 - weight) * (self.gap_square + weight * away * away)

    def _learn_headers(self, request: Request, headers: Headers) -> None:
        language, encoding, fetch, cookie, agent = _TRAITS[headers.head]
        if request.headers_known:
            self.headed += 1
            self.languages += language
            self.encodings += encoding
            self.fetches += fetch
        if cookie or request.session_id:
            self.cookies += 1
        if agent is not None and agent != self.agent:
            self.agent = agent
            self.agents += 1

    def _learn_page(self, inspection: Inspection) -> None:
        request, key = inspection.request, inspection.normal.key
        self.pages += 1
        self.depth += key.count("/")
        if request.headers_known:
            self.pages_headed += 1
        if text := inspection.headers.get("referer"):
            if request.headers_known:
                self.referred += 1
            referer = read_referer(text)
            if referer is not None and referer.host == request.host:
                self.referred_here += 1
                if sketch.holds(self.places, referer.place):
                    self.linked += 1
        self.places = sketch.add(self.places, place_of(key, request.query))

    def _learn_step(self, inspection: Inspection, step: str) -> None:
        at = inspection.at
        if step == "product":
            self.products += 1
            self.product_at = at
            self.product_places = sketch.add(
                self.product_places, place_of(inspection.normal.key, "")
            )
        elif step == "cart":
            self.carts += 1
        elif step == "login":
            self.logins += inspection.request.method == "POST"
        else:
            self._learn_checkout(at)

    def _learn_checkout(self, at: float) -> None:
        self.checkouts += 1
        if self.product_at is None:
            return
        gap, self.product_at = max(at - self.product_at, 0.0), None
        if self.checkout_gap is None or gap < self.checkout_gap:
            self.checkout_gap = gap
