"""libmodsecurity in this process, through its C interface: what ours is measured against."""

import ctypes
import ctypes.util
import re
from collections.abc import Iterable
from pathlib import Path

from riskengine.request import Request

_LIBRARY = "libmodsecurity.so.3"
_LOG = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p)
_RULE = re.compile(rb'\[id "(\d+)"\]')

# JSON and XML bodies are read where rules say so: these are ModSecurity's own recommended ones.
ENGINE = """
SecRuleEngine On
SecRequestBodyAccess On
SecResponseBodyAccess Off
SecAuditEngine Off
SecRule REQUEST_HEADERS:Content-Type "^(?:application(?:/soap\\+|/)|text/)xml" \
    "id:200000,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=XML"
SecRule REQUEST_HEADERS:Content-Type "^application/(?:[a-z0-9.-]+[+])?json" \
    "id:200001,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=JSON"
"""


class _Intervention(ctypes.Structure):
    _fields_ = (
        ("status", ctypes.c_int),
        ("pause", ctypes.c_int),
        ("url", ctypes.c_void_p),
        ("log", ctypes.c_void_p),
        ("disruptive", ctypes.c_int),
    )


class ModSecurity:
    """The library with a rule set. Lives as long as the process."""

    def __init__(self, files: Iterable[Path]) -> None:
        """OSError where the library is not installed; ValueError with what it says of the rules."""
        self._library = _loaded()
        self._free = ctypes.CDLL(None).free
        self._free.argtypes = [ctypes.c_void_p]
        self._messages: list[bytes] = []
        self._log = _LOG(lambda _, message: self._messages.append(message))
        self._engine = self._library.msc_init()
        self._library.msc_set_log_cb(self._engine, self._log)
        self._rules = self._library.msc_create_rules_set()
        self._add(self._library.msc_rules_add, ENGINE.encode())
        for file in files:
            self._add(self._library.msc_rules_add_file, str(file).encode())
        self.name: str = self._library.msc_who_am_i(self._engine).decode()

    def judge(self, request: Request) -> bool:
        """Whether it stops the request, after both request phases."""
        library = self._library
        self._messages.clear()
        transaction = library.msc_new_transaction(self._engine, self._rules, None)
        library.msc_process_connection(
            transaction, str(request.address).encode(), 50_000, b"127.0.0.1", 80
        )
        target = f"{request.path}?{request.query}" if request.query else request.path
        library.msc_process_uri(transaction, _bytes(target), _bytes(request.method), b"1.1")
        for name, value in request.headers:
            content = _bytes(value)
            library.msc_add_n_request_header(
                transaction, _bytes(name), len(name), content, len(content)
            )
        library.msc_process_request_headers(transaction)
        if request.body:
            library.msc_append_request_body(transaction, request.body, len(request.body))
        library.msc_process_request_body(transaction)
        stopped = self._stopped(transaction)
        library.msc_transaction_cleanup(transaction)
        return stopped

    def fired(self, request: Request) -> set[int]:
        """Ids of the rules that logged something and let it pass; a denial is not among them."""
        self.judge(request)
        return {int(found[1]) for text in self._messages for found in _RULE.finditer(text)}

    def _stopped(self, transaction: int) -> bool:
        intervention = _Intervention(status=200)
        stopped = bool(self._library.msc_intervention(transaction, ctypes.byref(intervention)))
        self._free(intervention.url)
        self._free(intervention.log)
        return stopped

    def _add(self, add: "ctypes._NamedFuncPointer", what: bytes) -> None:
        error = ctypes.c_char_p()
        if add(self._rules, what, ctypes.byref(error)) < 0:
            raise ValueError((error.value or b"").decode(errors="replace"))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _loaded() -> ctypes.CDLL:
    library = ctypes.CDLL(_LIBRARY)
    pointer, text, size = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t
    signatures: dict[str, tuple[type | None, list[type]]] = {
        "msc_init": (pointer, []),
        "msc_who_am_i": (text, [pointer]),
        "msc_set_log_cb": (None, [pointer, _LOG]),
        "msc_create_rules_set": (pointer, []),
        "msc_rules_add": (ctypes.c_int, [pointer, text, pointer]),
        "msc_rules_add_file": (ctypes.c_int, [pointer, text, pointer]),
        "msc_new_transaction": (pointer, [pointer, pointer, pointer]),
        "msc_process_connection": (ctypes.c_int, [pointer, text, ctypes.c_int, text, ctypes.c_int]),
        "msc_process_uri": (ctypes.c_int, [pointer, text, text, text]),
        "msc_add_n_request_header": (ctypes.c_int, [pointer, text, size, text, size]),
        "msc_process_request_headers": (ctypes.c_int, [pointer]),
        "msc_append_request_body": (ctypes.c_int, [pointer, text, size]),
        "msc_process_request_body": (ctypes.c_int, [pointer]),
        "msc_intervention": (ctypes.c_int, [pointer, pointer]),
        "msc_transaction_cleanup": (None, [pointer]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library
