"""How long things may be, and what is not called here."""

import re

from lib.tree import code, files, functions

SOURCES = files(".c", ".h")
FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 600
PARAMETERS_MAX = 7
CALLBACKS = {"intake_on_access": "MHD_AccessHandlerCallback", "on_access": "MHD_AccessHandlerCallback"}

# Name: what to use instead.
BANNED = {
    "strcpy": "snprintf or memcpy", "strcat": "buf_append", "stpcpy": "memcpy", "strncpy": "snprintf",
    "sprintf": "snprintf", "vsprintf": "vsnprintf", "gets": "fgets", "strtok": "strchr",
    "localtime": "UTC only", "gmtime": "gmtime_r", "ctime": "clock_format_rfc3339",
    "asctime": "clock_format_rfc3339", "atoi": "config_parse_integer", "atol": "config_parse_integer",
    "atof": "jansson", "alloca": "malloc", "system": "nothing", "popen": "nothing", "rand": "random_below",
    "random": "random_below", "tmpnam": "mkstemp", "setjmp": "nothing", "longjmp": "nothing",
    "sqlite3_mprintf": "a bound parameter",
}
PARSES_NUMBERS = re.compile(r"\b(strto(?:l|ul|ll|ull|imax|umax|d|f|ld))\s*\(")


def calls(path, name):
    """Where `name` is called: not declared, not a member, not part of another name."""
    pattern = re.compile(rf"(?<![\w.>\"]){name}\s*\(")
    return [number for number, line in enumerate(code(path).splitlines(), 1) if pattern.search(line)]


def test_no_function_is_longer_than_70_lines():
    wrong = [f"{each['path']}:{each['line']} {each['name']}: {each['end'] - each['line'] + 1} lines"
             for each in functions(SOURCES)
             if each["end"] - each["line"] + 1 > FUNCTION_LINES_MAX]
    assert not wrong, "\n".join(wrong)


def test_no_function_takes_more_than_7_parameters():
    """Where the result and the error go does not count; nor does a signature that a library wants."""
    wrong = []
    for each in functions(SOURCES):
        parameters = re.sub(r"\([^()]*\)", "", each["signature"][1:-1]).split(",")
        count = len([text for text in parameters if not re.search(r"_out(\[\w*\])?$|\berr$", text.strip())])
        if count > PARAMETERS_MAX and each["name"] not in CALLBACKS:
            wrong.append(f"{each['path']}:{each['line']} {each['name']}: {count} parameters")
    assert not wrong, "\n".join(wrong)


def test_no_file_is_longer_than_600_lines():
    lengths = {path: len(code(path).splitlines()) for path in SOURCES + files(".py", ".sql")}
    wrong = [f"{path}: {length} lines" for path, length in lengths.items() if length > FILE_LINES_MAX]
    assert not wrong, "\n".join(wrong)


def test_no_banned_function_is_called():
    wrong = [f"{path}:{number} calls {name}: use {instead}" for name, instead in BANNED.items()
             for path in SOURCES for number in calls(path, name)]
    assert not wrong, "\n".join(wrong)


def test_sql_that_is_not_prepared_only_opens_and_migrates():
    homes = {path for path in SOURCES if calls(path, "sqlite3_exec")
             and not path.startswith("tests/")}
    assert homes <= {"common/store/sqlite/open.c", "common/store/sqlite/migrate.c"}, homes


def test_numbers_are_parsed_in_one_place():
    homes = sorted({path for path in SOURCES if PARSES_NUMBERS.search(code(path))
                    and not path.startswith("tests/")})
    assert len(homes) <= 1, f"strtol and its kin stand in {homes}"


def test_goto_only_leads_forward_to_out():
    wrong = []
    for path in SOURCES:
        labels_seen = set()
        for number, line in enumerate(code(path).splitlines(), 1):
            label = re.match(r"\s*(\w+):\s*$", line)
            if label and label.group(1) != "default":
                labels_seen.add(label.group(1))
            if re.match(r"\}", line):
                labels_seen.clear()
            jump = re.search(r"\bgoto\s+(\w+)", line)
            if jump and (jump.group(1) != "out" or "out" in labels_seen):
                wrong.append(f"{path}:{number} goto {jump.group(1)}")
    assert not wrong, "\n".join(wrong)
