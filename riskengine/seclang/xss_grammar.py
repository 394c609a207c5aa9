r"""What script injection looks like in words of RE2: one alternative for each way.

Tags and attributes are taken as browsers take them (HTML §13.2.5): a tag begins with `<` and a
letter, attributes are parted by white space or `/`, and white space may stand inside `javascript:`.
"""

_GAP = r"[\s\x00-\x20/]"
_EVENT = (
    r"on(?:abort|activate|after\w+|animation\w+|auxclick|before\w+|begin|blur|bounce|cancel|canplay\w*"
    r"|cell\w+|change|click|close|contextmenu|control\w+|copy|cuechange|cut|data\w+|dblclick"
    r"|deactivate|drag\w*|drop|durationchange|emptied|end|ended|error|errorupdate|filterchange"
    r"|finish|focus\w*|form\w+|fullscreen\w+|gesture\w+|gotpointercapture|hashchange|help|input"
    r"|invalid|key\w+|languagechange|layoutcomplete|load\w*|losecapture|lostpointercapture"
    r"|media\w+|message\w*|mouse\w+|move\w*|offline|online|outofsync|page\w+|paste|pause|play\w*"
    r"|pointer\w+|popstate|progress|propertychange|ratechange|readystatechange|rejectionhandled"
    r"|repeat|reset|resize\w*|resume|reverse|row\w+|scroll\w*|search|securitypolicyviolation"
    r"|seek\w*|select\w*|show|slotchange|stalled|start|stop|storage|submit|suspend|syncrestored"
    r"|time\w+|toggle|touch\w+|track\w+|transition\w+|unhandledrejection|unload|urlflip"
    r"|volumechange|waiting|webkit\w+|wheel|zoom)"
)


def _spread(word: str) -> str:
    """`word` as a browser still reads it: tabs and newlines between its letters."""
    return r"[\x00-\x20]*".join(word)


_SCRIPT_URL = (
    rf"(?:{_spread('javascript')}|{_spread('vbscript')}|{_spread('livescript')}|mocha|view-source"
    rf"|feed|{_spread('data')}(?:[\x00-\x20]*:[\x00-\x20]*(?:text/html|[^,]*svg|[^,]*script|,)))"
)
_URL_ATTRIBUTE = (
    r"(?:href|src|action|formaction|background|poster|dynsrc|lowsrc|data|cite|codebase|folder|to|by"
    r"|from|values|srcset|content|longdesc|profile|usemap|classid|ping|manifest|icon)"
)
_VALUE = r"[\x00-\x20]*=[\x00-\x20]*[\"'`]?[\x00-\x20]*"
_EVIL_TAG = (
    r"(?:applet|base|bgsound|comment|embed|frame|frameset|handler|iframe|import|isindex|link"
    r"|listener|meta|noscript|object|script|style|svg|vmlframe|xml|xss|xsl[\w:]*|layer|ilayer"
    r"|math|foreignobject|animate\w*|set|plaintext|marquee|keygen|portal|template)"
)
_CSS = (
    r"(?:expression[\s(\\/]|-moz-binding|-o-link|\bbinding\s*:|behaviou?r\s*:|@import"
    r"|url\s*\(\s*[\"']?[\x00-\x20]*(?:javascript|data))"
)

ALTERNATIVES = [
    # Tags that run something, load something, or change how the rest is read.
    rf"<(?:\w+:)?{_EVIL_TAG}(?:{_GAP}|[>:]|$)",
    r"</(?:script|style|title|textarea|noscript|xmp|iframe|body|html)\b",
    r"<(?:!entity|!doctype[\s>]|!element|!\[cdata|\?(?:xml|import)|!--\[if|%\s)",
    # An attribute that is an event, a script address or a style that runs something.
    rf"<[a-z!/?][^>]*?(?:{_GAP}|[\"'`])(?:{_EVENT}|fscommand|seeksegmenttime)[^\s<>=]*{_VALUE}",
    rf"<[a-z!/?][^>]*?(?:{_GAP}|[\"'`])(?:\w+:)?{_URL_ATTRIBUTE}{_VALUE}{_SCRIPT_URL}",
    (
        rf"<[a-z!/?][^>]*?(?:{_GAP}|[\"'`])(?:srcdoc|attributename|xmlns|xlink:\w+|formaction|datasrc"
        rf"|dataformatas|filter){_VALUE}"
    ),
    rf"<[a-z!/?][^>]*?(?:{_GAP}|[\"'`])style{_VALUE}[^>]*{_CSS}",
    rf"<[a-z!/?][^>]*?(?:{_GAP}|[\"'`])style{_VALUE}[^>]*(?:/\*|\\)",
    # The same from inside an attribute's value: `" onfocus=...`.
    rf"[\"'`]{_GAP}*(?:[\w:-]+(?:\s*=\s*[^\s>]*)?{_GAP}+)*{_EVENT}[\x00-\x20]*=",
    rf"^(?:[^<>=&?/]*{_GAP})?{_EVENT}[\x00-\x20]*=[\x00-\x20]*[^\s&=]+",
    rf"[\"'`]{_GAP}*(?:[\w:-]+(?:\s*=\s*[^\s>]*)?{_GAP}+)*style\s*=[^>]*{_CSS}",
    # A value that is a script address, a style that runs something, or a template expression.
    (
        rf"^[\x00-\x20\"'`(]*(?:{_spread('javascript')}|{_spread('vbscript')})[\x00-\x20]*:"
        r"[\s/*]*(?:[^\sv;/*]|v[^o])"
    ),
    r"^[\x00-\x20]*data:(?:text/html|[^,]*svg\+xml)[;,]",
    rf"\{{[^}}]*{_CSS}",
    # Out of a string of a script: `";alert(1)//`.
    (
        r"[\"'`]\s*[)}\]]*\s*[-;,+*/|&^]+\s*(?:alert|confirm|prompt|eval|settimeout|setinterval|fetch"
        r"|import|function|document\.\w+|window\.\w+|location\.?\w*)\s*[(`=\[]"
    ),
    # What Netscape ran inside an attribute's value.
    r"&\{[^}]*(?:\(|document\b|window\b)",
    r"\bexpression\s*\(\s*(?:alert|eval|document|window|this|parse|function)",
    r"\{\{.*(?:constructor|__proto__|prototype|\$eval|\$on)\b",
]
"""Each of them alone is a finding."""
