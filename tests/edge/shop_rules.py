"""A ruleset that fits on a page: one forbidden path, one short limit, one blocked address."""

from pathlib import Path

WINDOW_S = 2
_FILES = {
    "addresses.yaml": """
        blocklists:
          - id: blocked
            description: One address that is denied.
            networks: [127.0.0.66, 203.0.113.66]
        """,
    "parameters.yaml": """
        checks:
          - id: secrets
            description: Files nobody should ask for.
            check: forbidden_paths
            paths: [/**/.env]
        """,
    "limits.yaml": f"""
        limits:
          - id: two-logins
            description: Two logins per address.
            match: {{methods: [POST]}}
            key: [ip]
            limit: 2
            window: {WINDOW_S}s
            algorithm: strict
        """,
}


def write_shop_rules(directory: Path) -> Path:
    """The directory, with the rules in it."""
    for name, text in _FILES.items():
        (directory / name).write_text(text)
    return directory
