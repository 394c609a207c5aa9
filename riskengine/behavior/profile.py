"""All clients that are remembered, in bounded memory."""

from collections import OrderedDict

from riskengine.behavior.client import Profile
from riskengine.inspection import Inspection
from riskengine.request import Request


def profile_key(request: Request) -> str:
    """Whose profile the request belongs to: the session's, else the user's, device's, address's."""
    if request.session_id:
        return f"{request.namespace}:s:{request.session_id}"
    if request.user_id:
        return f"{request.namespace}:u:{request.user_id}"
    if request.device_id:
        return f"{request.namespace}:d:{request.device_id}"
    return f"{request.namespace}:a:{request.address.subject}"


def key_kind(key: str) -> str:
    """`s`, `u`, `d` or `a`: whether a profile's key is that of a session, user, device, address."""
    return key.split(":", 2)[1]


class ProfileTable:
    """Profiles by key. When it is full, the client unseen for longest is forgotten.

    Time is that of the inspections, so a replay forgets what live traffic forgot.
    """

    def __init__(self, maximum: int, idle_s: float) -> None:
        """At most `maximum` clients; one unseen for `idle_s` seconds starts afresh."""
        self._maximum = maximum
        self._idle_s = idle_s
        self._profiles: OrderedDict[str, Profile] = OrderedDict()
        self.forgotten_idle = 0
        """Profiles dropped because their client was unseen for too long."""
        self.forgotten_full = 0
        """Profiles dropped to make room."""

    def __len__(self) -> int:
        return len(self._profiles)

    def __repr__(self) -> str:
        return f"<ProfileTable {len(self)}/{self._maximum}, idle after {self._idle_s:g} s>"

    def observe(self, inspection: Inspection) -> Profile:
        """The profile of the request's client, which has learned from the request now.

        Sets `inspection.profile_key`.
        """
        key = inspection.profile_key = profile_key(inspection.request)
        profile = self._profiles.get(key)
        if profile is not None and inspection.at - profile.last_at <= self._idle_s:
            self._profiles.move_to_end(key)
        else:
            profile = self._start(key, inspection.at)
        profile.learn(inspection)
        return profile

    def outcome(self, key: str, status: int, at: float) -> bool:
        """Tell a client's profile the status of an answer; False when it is not remembered."""
        profile = self._profiles.get(key)
        if profile is None or at - profile.last_at > self._idle_s:
            return False
        profile.learn_outcome(status)
        return True

    def resize(self, maximum: int, idle_s: float) -> None:
        """Take on new limits; nothing that still fits is forgotten."""
        self._maximum, self._idle_s = maximum, idle_s
        while len(self._profiles) > maximum:
            self._profiles.popitem(last=False)
            self.forgotten_full += 1

    def _start(self, key: str, at: float) -> Profile:
        if self._profiles.pop(key, None) is not None:
            self.forgotten_idle += 1
        self._forget_idle(at)
        if len(self._profiles) >= self._maximum:
            self._profiles.popitem(last=False)
            self.forgotten_full += 1
        profile = self._profiles[key] = Profile(at)
        return profile

    def _forget_idle(self, at: float) -> None:
        """Drop at most two: each newcomer pays for itself and one more, so none ever waits."""
        for _ in range(2):
            oldest = next(iter(self._profiles), None)
            if oldest is None or at - self._profiles[oldest].last_at <= self._idle_s:
                return
            del self._profiles[oldest]
            self.forgotten_idle += 1
