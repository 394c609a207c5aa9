r"""What SQL injection looks like in words of RE2: one alternative for each way.

`S` is any white space or comment that SQL allows between two words, `G` at least one of them.
"""

G = r"(?:[\s\x0b\x00\xa0]|/\*(?:[^*]|\*+[^*/])*\*+/|(?:--|#)[^\n]*\n)+"
S = f"(?:{G})?"
OPEN = r"[\s\x0b(]*"

NUMBER = r"(?:0x[0-9a-f]+|\d+(?:\.\d*)?(?:e[+-]?\d+)?|\.\d+)"
STRING = r"""(?:[nbx]?'[^']*(?:'|$)|"[^"]*(?:"|$))"""
VARIABLE = r"@@?[a-z_`'\"][\w.$`'\"]*"
NAME = r"[a-z_`\[][\w$`\].]*"
_FUNCTION = (
    r"\b(?:abs|aes_decrypt|aes_encrypt|ascii|benchmark|bin|bit_and|bit_length|cast|ceil|char"
    r"|char_length|chr|coalesce|concat|concat_ws|conv|convert|cos|count|crc32|current_user"
    r"|database|db_name|dbms_\w+\.\w+|elt|exists|exp|extractvalue|field|find_in_set|floor"
    r"|greatest|group_concat|hex|if|ifnull|iif|instr|isnull|json_\w+|lcase|least|left|length|ln"
    r"|load_file|locate|log|lower|lpad|ltrim|make_set|md5|mid|mod|name_const|now|nullif|nvl"
    r"|object_id|ord|password|pg_sleep|pi|position|pow|power|quote|rand|randomblob|repeat|replace"
    r"|reverse|right|round|row|row_count|schema|session_user|sha1|sign|sin|sleep|sqlite_version"
    r"|sqrt|strcmp|substr|substring|substring_index|suser_s?name|system_user|tan|to_char|trim"
    r"|ucase|unhex|updatexml|upper|user|user_name|utl_\w+\.\w+|version|xmltype)"
)
CALL = rf"{_FUNCTION}{S}\("
# Not `user(s)` and not `length (cm)`, which are English.
TIGHT_CALL = rf"{_FUNCTION}\((?:[^se]|s[^)]|e[^s])"
WORDS = r"\b(?:and|or|xor|having|where|rlike|regexp)\b"
LOGIC = rf"(?:{WORDS}|&&|\|\|)"
SYMBOL = r"(?:<=>|<>|!=|[<>]=?|={1,2})"
ARITHMETIC = r"(?:[-+*/%^|&]|<<|>>|\b(?:div|mod)\b)"
COMPARE = (
    rf"(?:{SYMBOL}"
    rf"|\b(?:not{G})?(?:sounds{G}like|like|rlike|regexp|between|in|is|glob)\b{S}(?:not\b)?)"
)
BETWEEN = rf"\b(?:not{G})?(?:r?like|regexp|or|and|xor|div|mod)\b"
ATOM = (
    rf"(?:[-+~!(]|{G}|\bnot\b|\bbinary\b)*"
    rf"(?:{NUMBER}|{STRING}|{VARIABLE}|{CALL}[^()]*\)?|\b(?:null|true|false)\b|\\n\b)"
)
VALUE = rf"{ATOM}(?:{S}\)*{S}{ARITHMETIC}{S}{ATOM})*{S}\)*"
END = r"(?:--|#|/\*|;|$)"
CLOSED = r"""['"`\d)]"""
COLUMN = rf"(?:[-+~!(*@'\"`.\d]|null\b|{CALL}|{NAME}{S}(?:[,(]|from\b|{END}))"
SELECT = rf"select(?:{G}|[(])*(?:(?:all|distinct|top{G}\d+)\b{S})?{COLUMN}"

# A second condition, true or false at will: `1 or 1=1`, `' and 'a'='a`, `' or 1 --`.
_CONDITIONS = [
    # Not right behind a letter of another script: people write about SQL, injections do not.
    rf"(?:^|[\x00-\x7f\xa0]){WORDS}{S}{VALUE}{S}{COMPARE}{S}{ATOM}",
    rf"(?:&&|\|\|){S}{ATOM}{S}\)*{S}{SYMBOL}{S}{ATOM}",
    (
        rf"{CLOSED}{S}\)*{S}{WORDS}{OPEN}(?:not\b{S})?{NAME}{S}\)*{S}"
        rf"(?:{SYMBOL}|r?like\b|regexp\b|in{S}\(|is{G}null)"
    ),
    (
        rf"['\"]{S}(?:{ARITHMETIC}|{COMPARE}){S}(?:{ATOM}|{NAME}){S}\)*{S}"
        rf"(?:{ARITHMETIC}?{S}{ATOM}{S}\)*{S})*(?:{SYMBOL}|{LOGIC}|is{G}{ATOM}{S}{LOGIC}){S}['\"]"
    ),
    rf"['\"]{S}{SYMBOL}{S}(?:[-+~!][-+~!\s]*['\"]|{STRING}{S}{SYMBOL})",
    rf"['\"]{S}sounds{G}like\b",
    rf"{WORDS}{S}{NUMBER}{S}{SYMBOL}{S}{NAME}{S}(?:--|#|/\*|;)",
    rf"^\w*\)+{S}(?:{ARITHMETIC}|{LOGIC}){S}{NAME}{S}(?:;|--|#)",
    rf"^\d+{S}{ARITHMETIC}{S}\d+{S}(?:--|/\*|#)\s*$",
    rf"['\"`]{S}\)*{S}(?:&&|\|\|){OPEN}(?:not\b{S})?{NAME}{S}\)*{S}(?:{SYMBOL}|like\b)",
    rf"['\"`]{S}\)*{S}{LOGIC}{S}{VALUE}{S}(?:--|#|/\*|;)",
    rf"\d{S}\)*{S}{LOGIC}{S}{ATOM}{S}\)*{S}(?:--(?:\s|$)|#\s*$|/\*)",
    rf"{LOGIC}{OPEN}(?:not\b{S})?(?:{TIGHT_CALL}|exists{S}\(|\({S}select|@@|case{G}when)",
    rf"^[^'\"]*'{S}(?:{SYMBOL}|{ARITHMETIC}|\|\||{BETWEEN}){S}'[^'\"]*$",
    rf"^[^'\"]*\"{S}(?:{SYMBOL}|\|\|){S}\"[^'\"]*$",
    rf"['\"]{S}(?:\|\||\+|-|\*|{SYMBOL}){S}\(*(?:{CALL}|{S}select\b)",
    rf"['\"]{S}{SYMBOL}{S}{ATOM}{S}(?:--|#|/\*|{LOGIC})",
    rf"\b(?:case{G}when|ii?f{S}\(){S}{VALUE}{S}{COMPARE}{S}{ATOM}",
    rf"\bcase{G}(?:when{G}(?:\w+{S}\(|binary\b)|{ATOM}{S}when\b)",
    rf"{CALL}{S}{NUMBER}{S}{SYMBOL}{S}{NUMBER}|^{S}\(\d+=\d+\)\*\d+$",
    rf"{CLOSED}{S}\)*{S}(?:between|like|rlike|regexp){G}{ATOM}{S}\)*{S}(?:{COMPARE}|and\b){S}{ATOM}",
]
# The rest of the statement cut off: `admin' --`.
_CUTS = [
    rf"^[^'\"]*['\"`]{S}\)*{S};?{S}(?:--[\s+-]*|#\s*|/\*\s*)$",
    rf"\){S};?{S}(?:--[\s+-]*|/\*\s*)$",
    r"--.*\bsp_password\b",
    rf"\d{S}\){S}from{G}{NAME}{G}where{G}{NAME}{S}{SYMBOL}",
]
# Another query glued to it: `union select`, or one in brackets.
_QUERIES = [
    (
        rf"(?:\b|[\d_])union(?:{G}|[(]|\b(?:all|distinct|distinctrow)\b)+select"
        rf"(?:{G}|[(])*(?:(?:all|distinct|top{G}\d+)\b{S})?(?:{COLUMN}|$)"
    ),
    rf"\bunion{G}(?:all{G})?\d+(?:{S},{S}\d+)+",
    rf"(?:--|#)[^\n]*\n{S}union\b",
    rf"\({S}{SELECT}",
    rf"^[\s('\"\d;)-]*{SELECT}.*\bfrom\b",
    (
        rf"\bselect{G}(?:\*|{CALL}|@@|{NAME}(?:{S},{S}{NAME})*){G}from{G}{NAME}{S}"
        rf"(?:[;),]|--|#|$|\b(?:where|limit|group{G}by|order{G}by|union|join|having)\b)"
    ),
    rf"/\*!\d{{0,6}}{S}(?:union|select|and|or|from|where|insert|order|concat)\b",
]
# Another statement behind it: `; drop table t`.
_STATEMENTS = [
    (
        rf";{S}(?:{SELECT}|shutdown\b|declare{G}@|ii?f{S}\(|begin{G}|call{G}{NAME}{S}\("
        rf"|set{G}@|use{G}{NAME}{S}{END}|commit{S}{END}|exec(?:ute)?{G}{NAME}{S}(?:['@,]|{END}))"
    ),
    (
        rf"(?:^|[;'\")\d]){S}(?:insert{G}into{G}{NAME}{S}(?:\(|values|select)"
        rf"|update{G}{NAME}{G}set{G}{NAME}{S}=|delete{G}from{G}{NAME}{S}(?:where\b|{END})"
        rf"|drop{G}(?:table|database|view|index|user|procedure){G}(?:if{G}exists{G})?{NAME}{S}{END}"
        rf"|alter{G}(?:table|user|database){G}{NAME}{G}(?:add|drop|modify|rename|set)\b"
        rf"|create{G}(?:or{G}replace{G})?(?:table|function|procedure|user|view|trigger){G}{NAME}"
        rf"|truncate{G}table{G}{NAME}|exec(?:ute)?{G}(?:master|xp_|sp_|immediate|\(|@)"
        rf"|merge{G}into{G}{NAME}{G}using|declare{G}@\w+{G}\w+)"
    ),
    rf"\bwaitfor{G}(?:delay|time){S}['\"(@]",
    rf"\binto{G}(?:out|dump)file{S}['\"a-z(]|\bload{G}data{G}(?:local{G})?infile\b",
]
# Clauses that probe the shape of a statement: `1 order by 10`.
_CLAUSES = [
    (
        rf"(?:{CLOSED}{G}|['\")]){S}\)*{S}(?:order|group){G}by{G}(?:\d+|{NAME}|\()"
        rf"(?:{S},{S}\d+)*{S}\)*{S}(?:asc\b|desc\b|{END}|having\b)"
    ),
    rf"(?:['\"]|\(\d+\)){S}\)*{S}(?:order|group){G}by\b",
    (
        rf"{CLOSED}{S}\)*{G}limit{G}\d+(?:{S}(?:,|offset){S}\d+)?{S}"
        r"(?:--|#|/\*|;|into\b|procedure\b|union\b)"
    ),
    rf"\bprocedure{G}analyse{S}\(",
    rf"\bhaving{S}{ATOM}{S}(?:{COMPARE}|{LOGIC}|for{G}update|{END})",
]
# Calls and names that no value needs: `sleep(5)`, `@@version`.
_CALLS = [
    rf"\b(?:benchmark|pg_sleep|sleep){S}\({S}(?:[\d.'\"(]|{CALL})",
    (
        r"\b(?:dbms_pipe\.receive_message|dbms_lock\.sleep|dbms_utility\.\w+|ctxsys\.drithsx\.sn"
        rf"|utl_http\.request|utl_inaddr\.get_host_\w+|xp_cmdshell|xp_dirtree|xp_reg\w+){S}['\"(]"
    ),
    rf"\b(?:extractvalue|updatexml|load_file|load_extension|randomblob|openrowset|name_const){S}\(",
    (
        rf"\b(?:ascii|ord|hex|unhex|char_length|substr|substring|mid|concat|concat_ws|group_concat|cast"
        rf"|convert|bin|conv|lower|upper|length|count|if|ifnull|isnull|aes_decrypt|char){S}\({S}"
        r"(?:version|user|database|schema|current_user|session_user|system_user|substr|substring|mid"
        rf"|concat|cast|char|load_file|password|select|aes_encrypt|char_length|ascii|0x){S}[(\d]"
    ),
    rf"[,(=<>|+]{S}(?:version|database|current_user|session_user|system_user|user){S}\({S}\)",
    rf"\bcha?r{S}\({S}\d{{1,3}}{S}(?:,{S}\d{{1,3}}{S})*\){S}(?:\|\||\+|,|{COMPARE})",
    rf"\bc(?:ast|onvert){S}\([^)]*(?:\bas{G}|\(int,|,{S})(?:char|varchar|nvarchar|int|numeric|signed)",
    (
        r"\binformation_schema\b\W{0,3}\.|\bmysql\W{0,2}\.\W{0,2}user\b|\bpg_catalog\.|\bsys(?:objects"
        r"|columns|databases|logins)\b|\bsys\.(?:tables|objects|all_tables|user_\w+)|\bsqlite_master\b"
    ),
    r"@@(?:version|version_compile_os|hostname|datadir|basedir|servername|language|spid|tmpdir)\b",
    rf"(?:{SYMBOL}|\b(?:is|like|in|between|regexp|rlike)){S}\(+{S}select\b",
]

ALTERNATIVES = [
    *_CONDITIONS,
    *_CUTS,
    *_QUERIES,
    *_STATEMENTS,
    *_CLAUSES,
    *_CALLS,
]
"""Each of them alone is a finding."""
