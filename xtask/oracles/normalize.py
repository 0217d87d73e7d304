"""Compares our normalizer with the Python libraries that others use for the same work.

    normalize.py PROGRAM --seed N --count N

PROGRAM is `advertiser-node`. Some values are made by the seed, all of them fictional, and put
through `PROGRAM normalize` and through phonenumbers, email-validator, idna and uid2-client. Each
difference has a kind: the library, what we make of the value, what the library does. Every kind is
listed in known.toml with who is right under the specification; one that is not listed fails, and so
does a listed example that no longer shows its kind.
"""

import argparse
import collections
import json
import pathlib
import random
import re
import subprocess
import sys
import tomllib
import unicodedata

import email_validator
import idna
import phonenumbers
from phonenumbers import PhoneNumberFormat as Form, PhoneNumberType as Type
from uid2_client import input_util as uid2

HERE = pathlib.Path(__file__).resolve().parent


# Ours.


def ours(program, kind, values, place=None):
    """What the program makes of each value, by line; a place is a country, or one and a post code."""
    command = [program, "normalize", "--kind", kind]
    if place:
        country, _, postcode = place.partition("/")
        command += ["--region", country] + (["--postcode", postcode] if postcode else [])
    command.append("-")
    text = "".join(value + "\n" for value in values)
    done = subprocess.run(command, input=text.encode(), capture_output=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.decode()}")
    lines = [json.loads(line) for line in done.stdout.decode().splitlines()]
    if len(lines) != len(values):
        sys.exit(f"{len(values)} values gave {len(lines)} lines")
    return lines


def label(line):
    """An outcome without the value: `ok`, a repair, a reason, or `absent`."""
    if line["outcome"] == "ok":
        repair = line["identifiers"][0].get("repair")
        return f"ok, {repair}" if repair else "ok"
    return line.get("reason", line["outcome"])


def canonical(line, kind):
    found = [one for one in line.get("identifiers", []) if one["kind"] == kind]
    return found[0]["normalized"] if found else None


# The libraries. Each gives what it says, and the comparison a kind or nothing.


def cut(message):
    """A message of a library without the value in it."""
    return re.split(r" ?[:({]", str(message).split(". ")[0])[0].rstrip(".")


def email(compare):
    """A comparison of an address as it is, and else as [N-11] step 1 cleans it, so that what the
    libraries do not clean hides nothing else."""
    def of(value, line):
        if compare(value, line) is None:
            return None
        return compare(cleaned(value), line) or ("as cleaned", "not cleaned")
    return of


def cleaned(value):
    value = unicodedata.normalize("NFC", STRAY.sub("", value)).strip()
    return re.sub("^mailto:", "", value.removeprefix("'"), flags=re.IGNORECASE)


STRAY = re.compile("[\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")


@email
def by_email_validator(value, line):
    try:
        found = email_validator.validate_email(
            value, check_deliverability=False, allow_smtputf8=True)
        theirs, said = f"{found.local_part}@{found.ascii_domain}", "ok"
    except email_validator.EmailNotValidError as error:
        theirs, said = None, cut(error)
    strict = canonical(line, "email.strict")
    if strict is None or theirs is None:
        return None if strict == theirs else (line.get("reason", "ok"), said)
    return None if lower(theirs) == strict else ("ok", f"ok, {apart(strict, theirs)}")


def lower(address):
    """As an address is lower-cased: the local part alone has letters beyond ASCII left."""
    return unicodedata.normalize("NFC", address.lower())


def by_idna(value, line):
    domain = value.rsplit("@", 1)[1]
    try:
        theirs = idna.encode(domain, uts46=True, std3_rules=True, transitional=False).decode()
        bidi = {unicodedata.bidirectional(c) for c in idna.decode(theirs)} & {"R", "AL", "AN"}
        said = "ok, with letters from right to left" if bidi else "ok"
    except idna.IDNAError as error:
        theirs, said = None, idna_said(error)
    strict = canonical(line, "email.strict")
    if strict is None and theirs is None:
        return None
    if strict is not None and theirs is not None:
        domain = strict.rsplit("@", 1)[1]
        return None if theirs.rstrip(".") == domain else ("ok", "ok, another domain")
    return label(line), said


def idna_said(error):
    """Their reason without the character and its place."""
    said = re.sub(r"'.*?'|U\+[0-9A-F]+|\d+|[^ ]*[^ -~][^ ]*", "", cut(error))
    return " ".join(said.split())


@email
def by_uid2(value, line):
    theirs = uid2.normalize_email_string(value)
    strict = canonical(line, "email.strict")
    if strict is None or theirs is None:
        return None if strict == theirs else (line.get("reason", "ok"), "ok" if theirs else "refused")
    expected = canonical(line, "email.gmail") if strict.endswith("@gmail.com") else strict
    return None if theirs == expected else ("ok", f"ok, {apart(expected or strict, theirs)}")


def apart(mine, theirs):
    """In which part two addresses differ."""
    (local, domain), (other, host) = mine.rsplit("@", 1), theirs.rsplit("@", 1)
    if host != domain:
        if host.rstrip(".") == domain:
            return "with a final dot"
        try:
            host = idna.encode(host, uts46=True, std3_rules=True).decode().rstrip(".")
        except idna.IDNAError:
            return "a domain that IDNA 2008 refuses"
        return "a domain that is not encoded" if host == domain else "another domain"
    return "another case beyond ASCII" if lower(other) == local else "another local part"


def by_phonenumbers(value, line, place):
    """A comparison of a number as it is, and else with the prefix that [N-20] step 7 gives it."""
    kind = by_phonenumbers_alone(value, line, place)
    if kind is None or not value.strip().startswith("00"):
        return kind
    return by_phonenumbers_alone(f"+{value.strip()[2:]}", line, place) or (
        "as cleaned", "not cleaned")


def by_phonenumbers_alone(value, line, place):
    try:
        parsed = phonenumbers.parse(value, REGION_OF.get(place, place))
        said = "ok" if phonenumbers.is_valid_number(parsed) else "invalid"
    except phonenumbers.NumberParseException as error:
        said, parsed = "unreadable", None
    found = (line.get("identifiers") or [None])[0]
    if found is None:
        if said != "ok":
            return None
        kind = phonenumbers.number_type(parsed)
        if label(line) == "phone_not_personal" and kind in NOT_PERSONAL:
            return None
        return label(line), "ok with an extension" if parsed.extension else "ok"
    if said != "ok":
        return label(line), said
    if phonenumbers.format_number(parsed, Form.E164) != found["normalized"]:
        return label(line), "ok, another number"
    kind = phonenumbers.number_type(parsed)
    line_of = LINES.get(kind, "unknown")
    if line_of != found["line"] or kind in NOT_PERSONAL:
        return f"{label(line)}, {found['line']}", f"ok, {Type.to_string(kind)}"
    return None


# Places whose post code is overseas, and their regions.
REGION_OF = {"FR/97110": "GP", "FR/97400": "RE", "FR/98800": "NC"}
NOT_PERSONAL = {Type.TOLL_FREE, Type.PREMIUM_RATE, Type.SHARED_COST, Type.UAN, Type.VOICEMAIL,
                Type.PAGER}
LINES = {Type.MOBILE: "mobile", Type.FIXED_LINE: "fixed"}


def by_uid2_phone(value, line):
    """Their test of a normalized number, on ours."""
    found = (line.get("identifiers") or [None])[0]
    if found is None or uid2.is_phone_number_normalized(found["normalized"]):
        return None
    return "ok", "not normalized"


# Values.

FIRST = ["marie", "jean-luc", "camille", "o'brien", "zoé", "søren", "straße", "ΑΛΈΞΗΣ", "иван",
         "李雷", "محمد", "İpek", "ﬁona", "anne_lise", "X", "nina99", "ana\u0301", "ŽOFIE"]
LAST = ["modele", "Exemple", "FICTIF", "d'art", "dupont-durand", "Ünal", "σοφός", "петров"]
JOINTS = [".", ".", ".", "_", "-", "", "..", "+", "%", "%20", " ", "/", "=", "!", "&", "#", "~"]
TAGS = ["", "", "", "", "+news", "+", "+a+b", "+été", "."]
ODD_LOCALS = ["contact", "info", "no-reply", "postmaster", "CONTACT+x", ".marie", "marie.", "a",
              "\"marie exemple\"", "marie\u200bexemple", "marie\u00ad.e", "ma(r)ie", "<marie",
              "mail:marie", "marie\\exemple", "m" * 64, "m" * 65, "é" * 32, "é" * 33, "😀", "",
              "`marie`", "'marie'", "marie,jean", "marie;jean", "test", "١٢٣", "½", "ªº", "\u0301a",
              "ﬀ", "Ⅷ", "a\u200db", "ʰaut", "{m}", "m|n", "$m*", "?m^"]
DOMAINS = ["exemple.fr", "exemple.fr", "Exemple.FR", "gmail.com", "gmail.com", "GMail.Com",
           "googlemail.com", "sous.domaine.exemple.fr", "mailinator.com", "été-fictif.fr",
           "straße-fictive.de", "例え-架空.jp", "exemple.co.uk", "ÉTÉ-FICTIF.FR",
           "xn--t-fictif-9fab.fr", "xn--nxasmq6b.gr", "exemple.museum", "exemple.paris"]
ODD_DOMAINS = ["exemple", "exemple.123", "[192.0.2.1]", "192.0.2.1", "exemple..fr", ".exemple.fr",
               "exemple.fr.", "exemple.fr..", "-exemple.fr", "exemple-.fr", "ex_emple.fr",
               "ex emple.fr", "ab--cd.fr", "xn--a.fr", "xn--zzzzzzzz99999.fr", "exemple.test",
               "exemple.invalid", "exemple.localhost", "exemple.example", "exemple.local",
               "exemple.onion", "exemple.arpa", "e" * 63 + ".fr", "e" * 64 + ".fr",
               ".".join(["e" * 60] * 5) + ".fr", "ｅｘｅｍｐｌｅ.fr", "exemple。fr", "exemple．fr",
               "♥.fr", "😀.fr", "ex\u200demple.fr", "ex\u00ademple.fr", "exe\u0301mple.fr", "\u0301e.fr",
               "אבג.co.il", "אבגabc.co.il", "1אבג.co.il", "مثال.إختبار", "नी\u200dअ.in", "क्\u200dष.in",
               "ー.jp", "カ・カ.jp", "a·b.cat", "l·l.cat", "exemple.f", "exemple.xn--p1ai", "exemple.рф",
               "exemple.fr:25", "exemple.fr/", "@exemple.fr", "exemple,fr", "exemple.fr>", "Ⅷ.fr",
               "exemple.con", "gmial.com", "gmail.con", "ﬁctif.fr", "ß.de", "ς.gr", "İ.tr", "exem!ple.fr"]
WRAPS = ["{}"] * 12 + [" {} ", "\t{}", "{}\u00a0", "mailto:{}", "MAILTO:{}", "<{}>", "Nom <{}>",
                       "\"{}\"", "{};", "'{}", "'{}'", "\ufeff{}", "{}\u200b", "\u200e{}", "({})",
                       "{}, autre@exemple.fr", "mail {}"]


def emails(rng, count):
    def one():
        roll = rng.random()
        local = rng.choice(ODD_LOCALS) if roll < 0.15 else (
            rng.choice(FIRST) + rng.choice(JOINTS) + rng.choice(LAST)
            + (str(rng.randrange(1000)) if rng.random() < 0.4 else "") + rng.choice(TAGS))
        if rng.random() < 0.1:
            local = local.upper()
        domain = rng.choice(ODD_DOMAINS if rng.random() < 0.2 else DOMAINS)
        return rng.choice(WRAPS).format(f"{local}@{domain}")
    return [one() for _ in range(count)]


SCRIPTS = ["abcdefghijklmnopqrstuvwxyz0123456789-", "àâäçéèêëîïôöùûüÿñßœæø", "αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώ",
           "абвгдежзийклмнопрстуфхцчшщыьэюяё", "אבגדהוזחטיכלמנסעפצקרשת", "ابتثجحخدذرزسشصضطظعغفقكلمنهوي",
           "कखगघचछजटठडतथदधनपफबमयरलवशषसह", "กขคงจชซณดตถทธนบปพมยรลวสห", "日本語中文漢字東京都市名", "あいうえおかきくけこ",
           "アイウエオカキクケコー", "가나다라마바사아자차카타파하", "ÀÉÎÕÜΑΒΓАБВ", "ａｂｃ１２３", "ﬁﬂⅠⅡ①②½℃™"]
MARKS = ["\u0301", "\u0308", "\u094d", "\u094d\u200d", "\u094d\u200c", "\u200d", "\u200c", "\u064e", "·",
         "・", "\u0375", "׳", "♥", "😀", "_", "--", "\u00ad", "١", "۱", "\u2019", "\u3002", "\u0640"]


def domains(rng, count):
    def made():
        letters = rng.choice(SCRIPTS)
        text = "".join(rng.choice(letters) for _ in range(rng.randint(1, 9)))
        if rng.random() < 0.35:
            at = rng.randint(0, len(text))
            text = text[:at] + rng.choice(MARKS) + text[at:]
        if rng.random() < 0.1:
            text += rng.choice(rng.choice(SCRIPTS))
        return text
    ends = ["fr", "com", "рф", "de", "みんな", "xn--p1ai", "in"]
    labels = lambda: ".".join([made() for _ in range(rng.choice([1, 1, 1, 2]))])
    return [f"a.b@{labels()}.{rng.choice(ends)}" for _ in range(count)]


REGIONS = ["FR", "FR", "FR", "GP", "RE", "MQ", "GF", "YT", "PF", "BE", "CH", "LU", "MC", "DE", "AT", "IT", "ES",
           "PT", "GB", "IE", "NL", "DK", "SE", "NO", "FI", "IS", "PL", "CZ", "SK", "HU", "RO", "BG",
           "GR", "HR", "SI", "EE", "LV", "LT", "UA", "TR", "IL", "MA", "DZ", "TN", "SN", "CI", "CM",
           "ZA", "EG", "NG", "US", "CA", "MX", "BR", "AR", "CL", "CO", "IN", "CN", "JP", "KR", "ID",
           "SG", "TH", "VN", "AU", "NZ", "SM", "VA", "AE", "RU"]
TYPES = [Type.MOBILE] * 6 + [Type.FIXED_LINE] * 4 + [
    Type.FIXED_LINE_OR_MOBILE, Type.TOLL_FREE, Type.PREMIUM_RATE, Type.SHARED_COST, Type.VOIP,
    Type.PERSONAL_NUMBER, Type.PAGER, Type.UAN, Type.VOICEMAIL]


def phones(rng, region, count):
    def number():
        example = phonenumbers.example_number_for_type(region, rng.choice(TYPES))
        if example is None:
            example = phonenumbers.example_number(region)
        digits = str(example.national_number)
        keep = rng.randint(len(digits) // 2, len(digits))
        tail = "".join(rng.choice("0123456789") for _ in digits[keep:])
        if rng.random() < 0.04:
            tail += rng.choice("0123456789")
        if rng.random() < 0.04:
            tail = tail[:-1]
        made = phonenumbers.PhoneNumber()
        made.merge_from(example)
        made.national_number = int(digits[:keep] + tail)
        return made

    def one():
        made = number()
        e164 = phonenumbers.format_number(made, Form.E164)
        national = phonenumbers.format_number(made, Form.NATIONAL)
        bare = phonenumbers.national_significant_number(made)
        world = phonenumbers.format_number(made, Form.INTERNATIONAL)
        code = f"+{made.country_code}"
        shapes = [
            e164, e164, world, national, national, re.sub(r"\D", "", national), bare,
            e164[1:], f"00{e164[1:]}", f"{code} (0) {bare}", f"{code}(0){bare}", f"{code}0{bare}",
            world.replace(" ", "."), national.replace(" ", "-"), f"tel:{e164}", f"'{e164}",
            f" {world} ", f"{national} ext 12", f"{national};{e164}", f"{national} x12",
            f"{national}p3", f"{e164} (bureau)", f"{e164}.0", f"+{e164}", f"{e164}#",
            e164.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")),
            national.translate(str.maketrans("0123456789", "０１２３４５６７８９")),
            world.replace(" ", "\u00a0"), world.replace(" ", "\u200b"), world.replace("-", "–"),
            national.replace(" ", "/"), f"+33{bare}", f"+33 0{bare}", f"0{bare}", f"({bare})",
            bare[:4], f"{national} / {e164}", f"({code}) {bare}", f"[{e164}]", f"tél. {national}",
        ]
        return rng.choice(shapes)

    return [one() for _ in range(count)]


# The comparison.


def compared(program, emailed, hosts, phoned):
    """Every difference: (library, ours, theirs), and a value that shows it."""
    for value, line in zip(emailed, ours(program, "email", emailed)):
        for library, compare in (("email-validator", by_email_validator), ("uid2-client", by_uid2)):
            if kind := compare(value, line):
                yield (library, *kind), value
    for value, line in zip(hosts, ours(program, "email", hosts)):
        if kind := by_idna(value, line):
            yield ("idna", *kind), value
    for place, values in phoned.items():
        for value, line in zip(values, ours(program, "phone", values, place)):
            if kind := by_phonenumbers(value, line, place):
                yield ("phonenumbers", *kind), f"{place} {value}"
            if kind := by_uid2_phone(value, line):
                yield ("uid2-client phone", *kind), f"{place} {value}"


def known():
    """Kinds that are listed, by (library, ours, theirs); `*` stands for whatever else we say."""
    table = tomllib.loads((HERE / "known.toml").read_text(encoding="utf-8"))
    kinds = {}
    for kind in table.get("kind", []):
        missing = {"library", "ours", "theirs", "example", "right", "rule", "why"} - kind.keys()
        if missing or kind["right"] not in ("ours", "theirs", "both"):
            sys.exit(f"known.toml: {kind}: {missing or 'right is ours, theirs or both'}")
        kinds[kind["library"], kind["ours"], kind["theirs"]] = kind
    return kinds


def listed(kinds, kind):
    library, _, theirs = kind
    return next((key for key in (kind, (library, "*", theirs)) if key in kinds), None)


def stale(program, kinds):
    """Listed kinds that their example does not show."""
    for key, kind in kinds.items():
        example = kind["example"]
        if key[0] in ("email-validator", "uid2-client"):
            found = compared(program, [example], [], {})
        elif key[0] == "idna":
            found = compared(program, [], [example], {})
        else:
            place, value = example.split(" ", 1)
            found = compared(program, [], [], {place: [value]})
        if key not in {listed(kinds, one) for one, _ in found}:
            yield f"{key} is not shown by its example {example!r}"


def main():
    options = argparse.ArgumentParser()
    options.add_argument("program")
    options.add_argument("--seed", type=int, required=True)
    options.add_argument("--count", type=int, default=20_000)
    options = options.parse_args()
    rng = random.Random(options.seed)
    count = options.count
    emailed, hosts = emails(rng, count * 2 // 5), domains(rng, count // 5)
    each = count * 2 // 5 // (len(REGIONS) + len(REGION_OF)) + 1
    phoned = collections.defaultdict(list)
    for place in [*REGIONS, *REGION_OF]:
        phoned[place] += phones(rng, REGION_OF.get(place, place), each)
    total = len(emailed) + len(hosts) + sum(map(len, phoned.values()))
    kinds = known()
    counts, shown = collections.Counter(), collections.defaultdict(list)
    for kind, value in compared(options.program, emailed, hosts, phoned):
        key = listed(kinds, kind) or kind
        counts[key] += 1
        if value not in shown[key] and len(shown[key]) < 3:
            shown[key].append(value)
    print(f"{total} values of seed {options.seed}, {sum(counts.values())} differences")
    for key, seen in sorted(counts.items()):
        library, mine, theirs = key
        right = f"right: {kinds[key]['right']} [{kinds[key]['rule']}]" if key in kinds else "NEW"
        print(f"{seen:6}  {library}: we {mine} / they {theirs}; {right}")
    faults = [f"{key} is not in known.toml; it is shown by {shown[key]!a}"
              for key in sorted(counts) if key not in kinds]
    faults += stale(options.program, kinds)
    for fault in faults:
        print(f"fault: {fault}")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
