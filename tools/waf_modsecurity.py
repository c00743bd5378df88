"""Writes crates/waf/tests/data/modsecurity.json: what ModSecurity's transformations make of values, as vectors for ours.

    pip install libmodsecurity==3.0.15.post2
    python tools/waf_modsecurity.py crates/waf/tests/data/modsecurity.json

Values are made from a fixed seed, so a run with the same library writes the same file.
normalizePathWin is not asked: in this version it leaves backslashes and back-references standing.
"""

import json
import random
import sys
from urllib.parse import quote_from_bytes

import libmodsecurity

NAMES = {
    "LOWERCASE": "lowercase", "UPPERCASE": "uppercase", "COMPRESS_WHITE_SPACE": "compressWhitespace", "HTML_ENTITY_DECODE": "htmlEntityDecode",
    "CMD_LINE": "cmdLine", "URL_DECODE": "urlDecode", "URL_DECODE_UNI": "urlDecodeUni", "BASE64_DECODE": "base64Decode",
    "BASE64_DECODE_EXT": "base64DecodeExt", "HEX_DECODE": "hexDecode", "MD5": "md5", "REPLACE_COMMENTS": "replaceComments",
    "ESCAPE_SEQ_DECODE": "escapeSeqDecode", "SQL_HEX_DECODE": "sqlHexDecode", "CSS_DECODE": "cssDecode", "JS_DECODE": "jsDecode",
    "NORMALIZE_PATH": "normalizePath", "REMOVE_NULLS": "removeNulls",
    "REPLACE_NULLS": "replaceNulls", "UTF8_TO_UNICODE": "utf8toUnicode", "REMOVE_WHITESPACE": "removeWhitespace", "TRIM": "trim",
    "TRIM_LEFT": "trimLeft", "TRIM_RIGHT": "trimRight", "REMOVE_COMMENTS_CHAR": "removeCommentsChar",
}

# What values are put together from: each transformation's own syntax, at its edges.
PIECES = {
    "HTML_ENTITY_DECODE": [b"&lt;", b"&gt", b"&quot;", b"&amp;", b"&nbsp;", b"&#60;", b"&#x3c;", b"&#X3C", b"&", b"#", b";", b"a"],
    "CMD_LINE": [b"\\", b'"', b"'", b"^", b" ", b"  ", b"/", b"(", b",", b";", b"CAT", b"x"],
    "URL_DECODE": [b"%41", b"%2e", b"%", b"%4", b"%zz", b"+", b"%u0041", b"a"],
    "URL_DECODE_UNI": [b"%41", b"%u0041", b"%uff1c", b"%U0027", b"%u00", b"%u2215", b"%", b"+", b"a"],
    "BASE64_DECODE": [b"PHNj", b"cmlw", b"dD4=", b"QQ==", b"YWJj"],
    "BASE64_DECODE_EXT": [b"PHNj", b"cmlw", b".", b" ", b"\n", b"YWJj", b"-"],
    "HEX_DECODE": [b"41", b"4a", b"4B", b"ff"],
    "REPLACE_COMMENTS": [b"/*", b"*/", b"a", b"/", b"*", b" "],
    "REMOVE_COMMENTS_CHAR": [b"/*", b"*/", b"--", b"#", b"-", b"/", b"*", b"a"],
    "ESCAPE_SEQ_DECODE": [b"\\a", b"\\n", b"\\x41", b"\\101", b"\\0", b"\\?", b"\\\\", b"\\'", b"x"],
    "SQL_HEX_DECODE": [b"0x4142", b"0X43", b"0x", b"0x4", b"0", b"x", b" or "],
    "CSS_DECODE": [b"\\61", b"\\000062", b"\\FF1C", b"\\v", b"\\", b" ", b"ja", b"script", b"\\1"],
    "JS_DECODE": [b"\\u0041", b"\\uff1c", b"\\x42", b"\\101", b"\\n", b"\\q", b"\\\\", b"z"],
    "NORMALIZE_PATH": [b"/", b"//", b"./", b"../", b"..", b"a", b"b/", b"/.x"],
    "UTF8_TO_UNICODE": [b"a", "é".encode(), "€".encode(), "ж".encode()],
}
ANY = [b"a", b"B", b" ", b"\t", b"\n", b"\r", b"\0", b"\xa0", b"  ", b"/", b"z1"]


def rules():
    made = libmodsecurity.RulesSet()
    lines = ["SecRuleEngine On", "SecRequestBodyAccess On"]
    for number, (ours, theirs) in enumerate(NAMES.items()):
        lines.append(
            f'SecRule ARGS:x "@rx ^([0-9a-f]*)$" "id:{number + 1},phase:2,pass,capture,log,t:none,t:{theirs},t:hexEncode,msg:\'{ours}|%{{TX.0}}\'"'
        )
    if made.load("\n".join(lines)) < 0:
        sys.exit(made.get_parser_error())
    return made


def transformed(engine, made, value):
    transaction = libmodsecurity.Transaction(engine, made)
    transaction.process_connection("127.0.0.1", 1, "127.0.0.1", 80)
    transaction.process_uri("/", "POST", "1.1")
    transaction.add_request_header("Content-Type", "application/x-www-form-urlencoded")
    transaction.process_request_headers()
    transaction.append_request_body(b"x=" + quote_from_bytes(value, safe="").encode())
    transaction.process_request_body()
    messages = (message.message.split("|") for message in transaction.get_rule_messages())
    return {name: hexadecimal for name, hexadecimal in messages}


def main(path):
    chance = random.Random(20261125)
    engine, made = libmodsecurity.ModSecurity(), rules()
    vectors = {name: {} for name in NAMES}
    for name in NAMES:
        pieces = PIECES.get(name, ANY)
        for _ in range(120):
            value = b"".join(chance.choice(pieces) for _ in range(chance.randint(1, 7)))
            output = transformed(engine, made, value).get(name)
            if output is not None:
                vectors[name][value.hex()] = output
    with open(path, "w") as file:
        rows = (f"{json.dumps(name)}: {json.dumps(cases)}" for name, cases in vectors.items())
        file.write("{\n" + ",\n".join(rows) + "\n}\n")


if __name__ == "__main__":
    main(sys.argv[1])
