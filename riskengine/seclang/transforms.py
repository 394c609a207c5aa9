"""Every transformation of SecLang by name: what `t:` may say."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from riskengine.seclang import (
    transforms_codes,
    transforms_escapes,
    transforms_paths,
    transforms_text,
    transforms_urls,
)

Transform = Callable[[bytes], bytes]
"""Takes any bytes, never fails, needs linear time; gives the same object when nothing changes."""

TRANSFORMS: Mapping[str, Transform] = MappingProxyType(
    {
        "base64decode": transforms_codes.base64_decode,
        "base64decodeext": transforms_codes.base64_decode_ext,
        "base64encode": transforms_codes.base64_encode,
        "cmdline": transforms_text.cmd_line,
        "compresswhitespace": transforms_text.compress_whitespace,
        "cssdecode": transforms_escapes.css_decode,
        "escapeseqdecode": transforms_escapes.escape_seq_decode,
        "hexdecode": transforms_codes.hex_decode,
        "hexencode": transforms_codes.hex_encode,
        "htmlentitydecode": transforms_escapes.html_entity_decode,
        "jsdecode": transforms_escapes.js_decode,
        "length": transforms_text.length,
        "lowercase": transforms_text.lowercase,
        "md5": transforms_codes.md5,
        "normalisepath": transforms_paths.normalise_path,
        "normalisepathwin": transforms_paths.normalise_path_win,
        "normalizepath": transforms_paths.normalise_path,
        "normalizepathwin": transforms_paths.normalise_path_win,
        "parityeven7bit": transforms_codes.parity_even_7bit,
        "parityodd7bit": transforms_codes.parity_odd_7bit,
        "parityzero7bit": transforms_codes.parity_zero_7bit,
        "removecomments": transforms_text.remove_comments,
        "removecommentschar": transforms_text.remove_comments_char,
        "removenulls": transforms_text.remove_nulls,
        "removewhitespace": transforms_text.remove_whitespace,
        "replacecomments": transforms_text.replace_comments,
        "replacenulls": transforms_text.replace_nulls,
        "sha1": transforms_codes.sha1,
        "sqlhexdecode": transforms_codes.sql_hex_decode,
        "trim": transforms_text.trim,
        "trimleft": transforms_text.trim_left,
        "trimright": transforms_text.trim_right,
        "uppercase": transforms_text.uppercase,
        "urldecode": transforms_urls.url_decode,
        "urldecodeuni": transforms_urls.url_decode_uni,
        "urlencode": transforms_urls.url_encode,
        "utf8tounicode": transforms_urls.utf8_to_unicode,
    }
)
"""By lower-case name. `none` is not among them: it empties the list instead of changing a value."""
