"""Every operator of SecLang by name: what `@` may say."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from riskengine.errors import OperatorError
from riskengine.seclang import (
    operators_comparisons,
    operators_identities,
    operators_validation,
)
from riskengine.seclang.macros import parse_macro
from riskengine.seclang.operators_addresses import addresses_from_file, addresses_listed
from riskengine.seclang.operators_contract import Comparison, Match, Operator, Prepared
from riskengine.seclang.operators_phrases import phrases_from_file, phrases_listed
from riskengine.seclang.operators_rx import match_pattern, pattern_finder
from riskengine.seclang.operators_schema import schema_finder
from riskengine.seclang.sqli import detect_sqli
from riskengine.seclang.xss import detect_xss

Compare = Callable[[bytes, bytes], Match | None]
Find = Callable[[bytes], Match | None]

COMPARISONS: Mapping[str, Compare] = MappingProxyType(
    {
        "beginswith": operators_comparisons.begins_with,
        "contains": operators_comparisons.contains,
        "containsword": operators_comparisons.contains_word,
        "endswith": operators_comparisons.ends_with,
        "eq": operators_comparisons.equal,
        "ge": operators_comparisons.greater_or_equal,
        "gt": operators_comparisons.greater,
        "le": operators_comparisons.less_or_equal,
        "lt": operators_comparisons.less,
        "nomatch": operators_comparisons.never,
        "streq": operators_comparisons.same,
        "strmatch": operators_comparisons.contains,
        "unconditionalmatch": operators_comparisons.always,
        "within": operators_comparisons.within,
    }
)
"""Operators whose argument may hold a macro such as `%{tx.allowed_methods}`."""

PREPARED: Mapping[str, Callable[[bytes, Path], Find]] = MappingProxyType(
    {
        "detectsqli": lambda argument, directory: detect_sqli,
        "detectxss": lambda argument, directory: detect_xss,
        "ipmatch": lambda argument, directory: addresses_listed(argument),
        "ipmatchf": addresses_from_file,
        "ipmatchfromfile": addresses_from_file,
        "pm": lambda argument, directory: phrases_listed(argument),
        "pmf": phrases_from_file,
        "pmfromfile": phrases_from_file,
        "rx": lambda argument, directory: pattern_finder(argument),
        "validatebyterange": lambda argument, directory: operators_validation.byte_range(argument),
        "validatenid": lambda argument, directory: operators_identities.national(argument),
        "validateschema": schema_finder,
        "validateurlencoding": lambda argument, directory: operators_validation.url_encoding,
        "validateutf8encoding": lambda argument, directory: operators_validation.utf8_encoding,
        "verifycc": lambda argument, directory: operators_identities.card(argument),
        "verifycpf": lambda argument, directory: operators_identities.cpf(argument),
        "verifyssn": lambda argument, directory: operators_identities.ssn(argument),
        "verifysvnr": lambda argument, directory: operators_identities.svnr(argument),
    }
)
"""Operators whose argument is worked on once, when the rules load."""

REFUSED: Mapping[str, str] = MappingProxyType(
    {
        "fuzzyhash": "needs the library ssdeep",
        "geolookup": "is what the address lists of the ruleset do: use `country` there",
        "gsblookup": "would send every address to a service of others",
        "inspectfile": "would run a program for each request",
        "rbl": "would ask the DNS for each request",
        "rsub": "would change the request",
        "validatedtd": "would read a document type that the sender chose",
        "validatehash": "belongs to the response phases",
    }
)
"""Operators that SecLang knows and this engine leaves out, each with the cause."""


def compile_operator(name: str, argument: bytes, *, directory: Path) -> Operator:
    """The operator `@name argument`; files are read from `directory`, that of the rule's file.

    Raises OperatorError naming the operator and the cause when it cannot be had.
    """
    key = name.lower()
    compare = COMPARISONS.get(key)
    if compare is not None:
        return Comparison(name, argument, compare)
    prepare = PREPARED.get(key)
    if prepare is None:
        raise OperatorError(f"@{name} {REFUSED.get(key, 'is not an operator of SecLang')}")
    if key == "rx" and parse_macro(argument.decode("utf-8", "surrogateescape")).references:
        return Comparison(name, argument, match_pattern)
    if b"%{" in argument and key != "rx":
        raise OperatorError(
            f"@{name}: its argument is read once and cannot hold a macro `%{{...}}`"
        )
    try:
        return Prepared(name, argument, prepare(argument, directory))
    except OperatorError as error:
        raise OperatorError(f"@{name}: {error}") from None
