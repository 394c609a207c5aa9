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
CALL = (
    r"\b(?:abs|aes_decrypt|aes_encrypt|ascii|benchmark|bin|bit_and|bit_length|cast|ceil|char"
    r"|char_length|chr|coalesce|concat|concat_ws|conv|convert|count|current_user|database|db_name"
    r"|dbms_\w+\.\w+|elt|exists|extractvalue|field|find_in_set|floor|group_concat|hex|if|ifnull"
    r"|instr|isnull|json_\w+|lcase|left|length|load_file|locate|lower|lpad|ltrim|make_set|md5|mid"
    r"|name_const|nullif|nvl|object_id|ord|password|pg_sleep|position|quote|rand|randomblob|repeat"
    r"|replace|reverse|right|round|row|row_count|schema|session_user|sha1|sleep|sqlite_version"
    r"|strcmp|substr|substring|substring_index|suser_s?name|system_user|to_char|trim|ucase|unhex"
    rf"|updatexml|upper|user|user_name|utl_\w+\.\w+|version|xmltype){S}\("
)
LOGIC = r"(?:\b(?:and|or|xor|having|where|rlike|regexp)\b|&&|\|\|)"
SYMBOL = r"(?:<=>|<>|!=|[<>]=?|={1,2})"
COMPARE = (
    rf"(?:{SYMBOL}|\b(?:not{G})?(?:sounds{G}like|like|rlike|regexp|between|in|is|glob)\b|[-+*/%^|&])"
)
VALUE = (
    rf"(?:[-+~!(]|{G}|\bnot\b|\bbinary\b)*"
    rf"(?:{NUMBER}|{STRING}|{VARIABLE}|{CALL}|\b(?:null|true|false)\b)"
)
END = r"(?:--|#|/\*|;|$)"
CLOSED = r"""['"`\d)]"""
COLUMN = rf"(?:[-+~!(*@'\"`.\d]|null\b|{CALL}|{NAME}{S}(?:[,(]|from\b|{END}))"
SELECT = rf"select(?:{G}|[(])*(?:(?:all|distinct|top{G}\d+)\b{S})?{COLUMN}"

# A second condition, true or false at will: `1 or 1=1`, `' and 'a'='a`, `' or 1 --`.
_CONDITIONS = [
    rf"{LOGIC}{S}{VALUE}{S}\)*{S}{COMPARE}{S}{VALUE}",
    rf"{CLOSED}{S}\)*{S}{LOGIC}{OPEN}(?:not\b{S})?{NAME}{S}\)*{S}(?:{SYMBOL}|like\b|in{S}\(|is{G}null)",
    rf"['\"`]{S}\)*{S}{LOGIC}{S}{VALUE}{S}\)*{S}(?:--|#|/\*|;)",
    rf"\d{S}\)*{S}{LOGIC}{S}{VALUE}{S}\)*{S}(?:--(?:\s|$)|#\s*$|/\*)",
    rf"{LOGIC}{OPEN}(?:not\b{S})?(?:{CALL}|exists{S}\(|\({S}select|@@|case{G}when)",
    rf"^[^'\"]*['\"]{S}(?:{SYMBOL}|\|\||like){S}['\"][^'\"]*$",
    rf"['\"]{S}(?:\|\||\+|-|\*|{SYMBOL}){S}\(*(?:{CALL}|{S}select\b)",
    rf"\b(?:case{G}when|if{S}\(){S}{VALUE}{S}{COMPARE}{S}{VALUE}",
    rf"{CLOSED}{S}\)*{S}(?:having|between|like|rlike|regexp){G}{VALUE}{S}{COMPARE}{S}{VALUE}",
]
# The rest of the statement cut off: `admin' --`.
_CUTS = [
    rf"^[^'\"]*['\"`]{S}\)*{S};?{S}(?:--[\s+-]*|#\s*|/\*\s*)$",
    rf"^[\w.-]*{S}\)+{S};?{S}(?:--[\s+-]*|#\s*|/\*\s*)$",
]
# Another query glued to it: `union select`, or one in brackets.
_QUERIES = [
    rf"\bunion(?:{G}|[(]|\ball\b|\bdistinct\b|\bdistinctrow\b|[@'\"`\w])*?[\s)(*/]select(?:{G}|[^\w\s])",
    rf"[(,=<>+|]{S}\(*{S}{SELECT}",
    rf"^[\s('\"\d;)-]*{SELECT}.*\bfrom\b",
    rf"\bselect{G}(?:\*|{CALL}|@@|{NAME}(?:{S},{S}{NAME})*){G}from{G}{NAME}{S}"
    rf"(?:[;),]|--|#|$|\b(?:where|limit|group{G}by|order{G}by|union|join|having)\b)",
    rf"/\*!\d{{0,6}}{S}(?:union|select|and|or|from|where|insert|order|concat)\b",
]
# Another statement behind it: `; drop table t`.
_STATEMENTS = [
    rf";{S}(?:{SELECT}|shutdown\b|declare{G}@|exec(?:ute)?{G}|if{S}\(|begin{G}|call{G}{NAME}{S}\("
    rf"|set{G}@|grant{G}|use{G}{NAME}{S}{END}|commit{S}{END})",
    rf"(?:^|[;'\")\d]){S}(?:insert{G}into{G}{NAME}{S}(?:\(|values|select)"
    rf"|update{G}{NAME}{G}set{G}{NAME}{S}=|delete{G}from{G}{NAME}{S}(?:where\b|{END})"
    rf"|drop{G}(?:table|database|view|index|user|procedure){G}(?:if{G}exists{G})?{NAME}{S}{END}"
    rf"|alter{G}(?:table|user|database){G}{NAME}{G}(?:add|drop|modify|rename|set)\b"
    rf"|create{G}(?:or{G}replace{G})?(?:table|function|procedure|user|view|trigger){G}{NAME}"
    rf"|truncate{G}table{G}{NAME}|exec(?:ute)?{G}(?:master|xp_|sp_|immediate|\(|@)"
    rf"|merge{G}into{G}{NAME}{G}using|declare{G}@\w+{G}\w+)",
    rf"\bwaitfor{G}(?:delay|time){S}['\"(@]",
    rf"\binto{G}(?:out|dump)file{S}['\"]|\bload{G}data{G}(?:local{G})?infile\b",
]
# Clauses that probe the shape of a statement: `1 order by 10`.
_CLAUSES = [
    rf"{CLOSED}{S}\)*{G}(?:order|group){G}by{G}(?:\d+|{NAME}|\()(?:{S},{S}\d+)*{S}\)*{S}(?:asc|desc|{END}|having\b)",
    rf"['\"]{S}\)*{S}(?:order|group){G}by\b",
    rf"{CLOSED}{S}\)*{G}limit{G}\d+(?:{S}(?:,|offset){S}\d+)?{S}(?:--|#|/\*|;|into\b|procedure\b|union\b)",
    rf"\bprocedure{G}analyse{S}\(",
    rf"{CLOSED}{S}\)*{S}having{G}{VALUE}",
]
# Calls and names that no value needs: `sleep(5)`, `@@version`.
_CALLS = [
    rf"\b(?:benchmark|pg_sleep|sleep){S}\({S}(?:[\d.'\"(]|{CALL})",
    r"\b(?:dbms_pipe\.receive_message|dbms_lock\.sleep|dbms_utility\.\w+|ctxsys\.drithsx\.sn"
    rf"|utl_http\.request|utl_inaddr\.get_host_\w+|xp_cmdshell|xp_dirtree|xp_reg\w+){S}['\"(]",
    rf"\b(?:extractvalue|updatexml|load_file|load_extension|randomblob|openrowset|name_const){S}\(",
    rf"\b(?:ascii|ord|hex|unhex|char_length|substr|substring|mid|concat|concat_ws|group_concat|cast"
    rf"|convert|bin|conv|lower|upper|length|count|if|ifnull|isnull|aes_decrypt|char){S}\({S}"
    r"(?:version|user|database|schema|current_user|session_user|system_user|substr|substring|mid"
    rf"|concat|cast|char|load_file|password|select|aes_encrypt|char_length|ascii|0x){S}[(\d]",
    rf"[,(=<>|+]{S}(?:version|database|current_user|session_user|system_user|user){S}\({S}\)",
    rf"\bcha?r{S}\({S}\d{{1,3}}{S}(?:,{S}\d{{1,3}}{S})*\){S}(?:\|\||\+|,|{COMPARE})",
    rf"\bc(?:ast|onvert){S}\([^)]*(?:\bas{G}|\(int,|,{S})(?:char|varchar|nvarchar|int|numeric|signed)",
    r"\binformation_schema\b\W{0,3}\.|\bmysql\W{0,2}\.\W{0,2}user\b|\bpg_catalog\.|\bsys(?:objects"
    r"|columns|databases|logins)\b|\bsys\.(?:tables|objects|all_tables|user_\w+)|\bsqlite_master\b",
    r"@@(?:version|version_compile_os|hostname|datadir|basedir|servername|language|spid|tmpdir)\b",
    rf"\b(?:is|like|in|between|regexp|rlike){S}\(+{S}select\b",
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
