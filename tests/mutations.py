"""Damage to a file that knows what kind of file it is: values, names, types, columns, headers, lines and records, and single bytes too.

Every function takes the bytes of a file and dice (a random.Random), and gives other bytes; equal dice give equal damage.
"""

from __future__ import annotations

import ast
import copy
import io
import json
import lzma
import random
import re
import struct
import zipfile
import zlib

from nasty import FLOATS, INTEGERS, LARGE_BYTES, NUMBERS, WORDS, in_bytes, nasty_bytes, nasty_text
from xml_mutations import in_xml

DTYPES = ["<f2", "<f4", "<f8", ">f4", "<i4", "|u1", "<u8", "|O", "<U4", "|S8", "<c8", "|b1", "<M8[ns]", "<f16", "|V3", "", "f", [("x", "<f4")]]
FIELDS = ["x y z", "x y", "x x z", " y z", "z y x intensity"]
SPLITS = re.compile(rb"([\s,:=]+)")


def mutated(raw: bytes, suffix: str, dice: random.Random) -> bytes:
    """The file damaged: mostly by its own kind's blows, sometimes in bytes or words."""
    kind = dice.random()
    if kind < 0.12:
        return in_bytes(raw, dice)
    if kind < 0.2:
        return in_text(raw, dice)
    return KINDS.get(suffix, in_numbers)(raw, dice)


def in_numbers(raw: bytes, dice: random.Random) -> bytes:
    """Binary: numbers of 1 to 8 bytes written over, records cut out or doubled."""
    if dice.random() < 0.3:
        size = dice.choice((1, 2, 4, 8, 12, 16, 20, 24))
        at = dice.randint(0, len(raw) // size) * size
        piece = raw[at : at + size]
        return raw[:at] + dice.choice([raw[at + size :], b"", *(piece * n + raw[at:] for n in (1, 2, 100, 5000))])
    data = bytearray(raw)
    for _ in range(dice.randint(1, 3)):
        code = dice.choice("bBhHiIqQfd")
        size = struct.calcsize(code)
        if len(data) < size:
            break
        at = dice.randint(0, len(data) - size)
        at -= at % dice.choice((1, 2, size))
        value = dice.choice((0, 1, -1, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 255, 256, 65535, 10**9, 3, -5))
        if code in "fd":
            number = dice.choice((float("nan"), float("inf"), -float("inf"), 1e38, -1e38, 1e-40, 0.0, -0.0, 1e9, 5.5))
            data[at : at + size] = struct.pack(dice.choice("<>") + code, number)
        else:
            data[at : at + size] = (value % 2 ** (8 * size)).to_bytes(size, dice.choice(("little", "big")))
    return bytes(data)


def in_text(raw: bytes, dice: random.Random) -> bytes:
    """Lines and words: taken out, doubled, swapped, replaced by what numbers and names should not be; one line repeated in great number."""
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        lines = raw.split(b"\n")
        i, j = dice.randrange(len(lines)), dice.randrange(len(lines))
        words = SPLITS.split(lines[i])
        k = dice.randrange(0, len(words), 2)
        kind = dice.randrange(14)
        if kind < 5:
            words[k] = nasty_bytes(dice)
        elif kind == 5:
            del words[k : k + 2]
        elif kind == 6:
            words[k:k] = words[k : k + 2]
        elif kind == 7 and words[k].strip(b"0-."):  # everywhere at once, so that numbers that must agree still do
            raw = nasty_bytes(dice).join(re.split(rb"(?<![\w.-])" + re.escape(words[k]) + rb"(?![\w.])", raw))
            continue
        elif kind == 13 and dice.random() < 0.15:
            n = min(3000, LARGE_BYTES // (len(lines[i]) + 6))
            lines[i:i] = [b"".join([*words[:k], str(m).encode(), *words[k + 1 :]]) for m in range(n)]
            raw = b"\n".join(lines)
            continue
        lines[i] = b"".join(words)
        if kind == 8:
            del lines[i]
        elif kind == 9:
            lines.insert(j, lines[i])
        elif kind == 10:
            lines[i], lines[j] = lines[j], lines[i]
        elif kind == 11:
            line = lines[i]
            lines[i] = dice.choice((line + b"\r", line.replace(b" ", b"\t"), line.replace(b" ", b""), b"", b"#" + line, line + b" 0"))
        elif kind == 12:
            lines = dice.choice((lines[: i + 1], lines[i:], lines[::-1], lines[:i] + [b""] * 50 + lines[i:]))
        raw = b"\n".join(lines)
    return raw


# ------------------------------------------------------------ JSON


def in_json(raw: bytes, dice: random.Random) -> bytes:
    """Values, types and keys of the tree; items doubled, taken out, moved elsewhere, repeated in great number."""
    try:
        top = [json.loads(raw)]
    except (ValueError, RecursionError):
        return in_text(raw, dice)
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        places = list(_places(top))
        _blow(places, *dice.choice(places), dice)
    if dice.random() < 0.03:
        top[0] = _behind_long(top[0], dice)
    try:
        return json.dumps(top[0]).encode()
    except RecursionError:
        return raw


def in_json_lines(raw: bytes, dice: random.Random) -> bytes:
    """One of the lines, each of which is JSON; or the lines."""
    lines = raw.split(b"\n")
    if dice.random() < 0.2:
        return in_text(raw, dice)
    i = dice.choice([k for k, line in enumerate(lines) if line.strip()] or [0])
    lines[i] = in_json(lines[i], dice)
    return b"\n".join(lines)


def _behind_long(value, dice: random.Random):
    """All keys late in the file: formats are known by what they find at its beginning."""
    long = {"long": "x" * dice.choice((1 << 12, 1 << 16, 1 << 17))}
    if isinstance(value, dict):
        return {**long, **value}
    return [{**long, **value[0]}, *value[1:]] if isinstance(value, list) and value and isinstance(value[0], dict) else value


def _places(node):
    for key in list(node) if isinstance(node, dict) else range(len(node)):
        yield node, key
        if isinstance(node[key], (dict, list)):
            yield from _places(node[key])


def _nasty_value(value, dice: random.Random):
    kind = dice.randrange(4)
    if kind == 0 and isinstance(value, (int, float)) and not isinstance(value, bool):
        if abs(value) > 1e200:  # a number that an earlier mutation made
            return dice.choice((-value, 0, 1))
        return dice.choice((-value, value + 1, value - 1, value * 1e10, value * 1e-10, float(value), -value - 1, value + 0.5))
    if kind < 3:
        numbers = (*FLOATS, *map(int, INTEGERS))
        others = (None, True, False, [], {}, [1], [[]], {"a": 1}, [0.0] * 3, [0] * 16, [None], "", *WORDS, *NUMBERS)
        return copy.deepcopy(dice.choice(numbers if kind == 1 else others))
    deep = value
    for _ in range(dice.choice((1, 1, 5, 31, 200))):
        deep = [deep] if dice.random() < 0.5 else {"x": deep}
    return deep


def _blow(places, node, key, dice: random.Random) -> None:
    kind = dice.randrange(12)
    if kind < 4:
        node[key] = _nasty_value(node[key], dice)
    elif kind == 4:
        other, where = dice.choice(places)
        if isinstance(node[key], (dict, list)) or not isinstance(other[where], (dict, list)):
            node[key] = copy.deepcopy(other[where])
    elif kind == 5 and isinstance(node[key], list):
        items = node[key]
        node[key] = dice.choice((items[::-1], items[:-1], items[1:], items + items[:1], []))
    elif kind == 6 and isinstance(node, dict):
        other = nasty_text(dice) if dice.random() < 0.5 else dice.choice(list(node))
        node[other] = node.pop(key)
    elif kind == 7 and isinstance(node, dict):
        node[nasty_text(dice) if dice.random() < 0.7 else f"{key}_"] = copy.deepcopy(node[key])
    elif kind == 8 and isinstance(node, list):
        node.insert(key, copy.deepcopy(node[key]))
    elif kind == 9 and dice.random() < 0.15:
        _repeated(node, key, dice)
    elif len(places) > 1 and places[0][0] is not node:
        del node[key]


def _repeated(node, key, dice: random.Random) -> None:
    """The item many times, with one of its numbers or texts counted up."""
    holder = [node[key]]
    n = min(3000, LARGE_BYTES // (len(json.dumps(holder)) + 20))
    parent, where = dice.choice([place for place in _places(holder) if not (isinstance(place[0][place[1]], (dict, list)) and place[0][place[1]])])
    is_text, copies = isinstance(parent[where], str), []
    for i in range(n):
        parent[where] = str(i) if is_text else i
        copies.append(copy.deepcopy(holder[0]))
    if isinstance(node, list):
        node[key:key] = copies
    else:
        node.update({str(i) if key.isdecimal() else f"{key}{i}": value for i, value in enumerate(copies)})


# ------------------------------------------------------------ tables and arrays


def in_feather(raw: bytes, dice: random.Random) -> bytes:
    """Types, lengths, names and values of columns; rows taken out and repeated."""
    from pyarrow import feather

    def written(table, buffer):
        feather.write_feather(table, buffer, compression=dice.choice(("uncompressed", "lz4", "zstd")), chunksize=dice.choice((None, 1, 2)))

    return _in_table(raw, feather.read_table, written, dice)


def in_parquet(raw: bytes, dice: random.Random) -> bytes:
    """As `in_feather`."""
    from pyarrow import parquet

    def written(table, buffer):
        parquet.write_table(table, buffer, compression=dice.choice(("none", "snappy", "zstd")), row_group_size=dice.choice((None, 1, 2)))

    return _in_table(raw, parquet.read_table, written, dice)


def _in_table(raw: bytes, read, write, dice: random.Random) -> bytes:
    import pyarrow as pa

    try:
        table = read(io.BytesIO(raw))
        columns = {name: table[name].combine_chunks() for name in table.column_names}
    except (pa.ArrowException, OSError, KeyError):  # damaged before; KeyError: a name comes twice
        return in_numbers(raw, dice)
    for _ in range(dice.choice((1, 1, 2, 3))):
        if not columns:
            break
        name, kind = dice.choice(list(columns)), dice.randrange(10)
        values = columns[name]
        if kind < 3:
            plain = ("float16", "float32", "float64", "int8", "int64", "uint64", "string", "large_string", "binary", "bool_", "null", "date32")
            nested = (pa.timestamp("ns"), pa.list_(pa.float64()), pa.dictionary(pa.int32(), pa.string()), pa.decimal128(30, 3))
            types = (*(getattr(pa, word)() for word in plain), *nested)
            try:
                columns[name] = pa.array(values.to_pylist(), dice.choice(types), from_pandas=False)
            except (pa.ArrowException, TypeError, ValueError, OverflowError):
                columns[name] = pa.array([str(v) for v in values.to_pylist()])
        elif kind < 7 and len(values):
            items = values.to_pylist()
            nasty = [None, float("nan"), float("inf"), -1, 0, 1e308, -1e308, 2**31, 2**62, -(2**63), "", "x", "9" * 400, "\x00", "a" * 5000, True]
            items[dice.randrange(len(items))] = dice.choice(nasty)
            try:
                columns[name] = pa.array(items, values.type if dice.random() < 0.8 else None)
            except (pa.ArrowException, TypeError, ValueError, OverflowError):
                columns[name] = pa.array([None] * len(items), values.type)
        elif kind == 7:
            other = nasty_text(dice).encode("utf-8", "replace").decode() if dice.random() < 0.5 else dice.choice(list(columns))
            columns[other] = columns.pop(name)
        elif kind == 8:
            del columns[name]
        else:
            n = len(values)
            all_rows = [*range(n)]
            some = dice.choice(([], all_rows[:1], all_rows[::-1], all_rows * 2, all_rows * (3000 if dice.random() < 0.2 else 3), all_rows[1:]))
            columns = {k: v.take(pa.array(some, pa.int64())) if len(v) == n else v for k, v in columns.items()}
    n = min((len(v) for v in columns.values()), default=0)
    names = [*columns, next(iter(columns))] if columns and dice.random() < 0.05 else list(columns)  # a name twice
    made = pa.table([columns[name][:n] for name in names], names=names)
    buffer = io.BytesIO()
    try:
        write(made, buffer)
    except (pa.ArrowException, ValueError):  # not every table has a place in every file
        return in_numbers(raw, dice)
    return buffer.getvalue()


def in_npy(raw: bytes, dice: random.Random) -> bytes:
    """The array's type, shape and values, its header's words, or its bytes."""
    try:
        length = int.from_bytes(raw[8:10], "little")
        header = ast.literal_eval(raw[10 : 10 + length].decode("latin-1").strip())
        body = raw[10 + length :]
        header["descr"], header["shape"], header["fortran_order"]
    except (ValueError, SyntaxError, TypeError, KeyError, IndexError):
        return in_bytes(raw, dice)
    kind = dice.randrange(8)
    if kind == 0:
        header["descr"] = dice.choice(DTYPES)
    elif kind == 1:
        n = len(body) // 4
        odd = ((0, 3), (n, 0), (), (-1, 3), (2**62, 3), (2**62, 0), (1, 1, 1, n), (10**9, 3))
        header["shape"] = dice.choice(((n,), (n // 3, 3), (3, n // 3), (n // 4, 4), (1, n), *odd))
    elif kind == 2:
        header["fortran_order"] = dice.choice((True, 1, None, "a"))
    elif kind == 3:
        header[nasty_text(dice)] = header.pop(dice.choice(list(header)))
    elif kind == 4:
        header["descr"] = [(name, "<f4") for name in dice.choice(FIELDS).split(" ")]
        header["shape"] = (len(body) // (4 * len(header["descr"])),)
    text = repr(header).encode("utf-8", "replace")
    if kind == 5:
        text = in_text(text, dice)
    elif kind > 5:
        body = in_numbers(body, dice)
        if dice.random() < 0.5 and isinstance(header["shape"], tuple) and len(header["shape"]) == 2 and header["shape"][1]:
            header["shape"] = (len(body) // (4 * header["shape"][1]), header["shape"][1])
            text = repr(header).encode("utf-8", "replace")
    text = text[:60000]
    return b"\x93NUMPY\x01\0" + len(text + b"\n").to_bytes(2, "little") + text + b"\n" + body


def in_npz(raw: bytes, dice: random.Random) -> bytes:
    """Members: damaged, taken out, doubled, renamed, packed otherwise."""
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            members = [[info.filename, archive.read(info)] for info in archive.infolist()]
    except (zipfile.BadZipFile, ValueError, EOFError, OSError, NotImplementedError, RuntimeError, zlib.error, lzma.LZMAError):
        return in_bytes(raw, dice)
    kind, member = dice.randrange(9), dice.choice(members) if members else ["x.npy", b""]
    if kind < 5:
        member[1] = in_npy(member[1], dice)
    elif kind == 5:
        members = [other for other in members if other is not member]
    elif kind == 6:
        members.append([dice.choice(("w.npy", "intensity.npy", "../x.npy", member[0], "a/", "x")), member[1]])
    elif kind == 7:
        member[0] = dice.choice(("x.npy", "y.npy", "", "a", "/x.npy", "time_offset_ns.npy", "é.npy", "a" * 300))
    else:
        member[1] += bytes(dice.choice((1, 1000, 900_000)))
    buffer = io.BytesIO()
    methods = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    with zipfile.ZipFile(buffer, "w", dice.choice(methods)) as archive:
        for name in dict.fromkeys(name for name, _ in members):
            archive.writestr(zipfile.ZipInfo(name or "-"), next(data for other, data in members if other == name), archive.compression)
    made = buffer.getvalue()
    return in_numbers(made, dice) if dice.random() < 0.1 else made


def in_headed(raw: bytes, dice: random.Random) -> bytes:
    """A header in words, then points: as text or as numbers."""
    found = re.search(rb"(?:DATA \w+|end_header)\r?\n", raw)
    if found is None:
        return in_text(raw, dice)
    head, body = raw[: found.end()], raw[found.end() :]
    if dice.random() < 0.7:
        return in_text(head, dice) + body
    return head + (in_text if b"ascii" in head else in_numbers)(body, dice)


def in_png(raw: bytes, dice: random.Random) -> bytes:
    """A chunk damaged under a checksum that fits."""
    chunks, at = [], 8
    while at + 12 <= len(raw):
        n = int.from_bytes(raw[at : at + 4], "big")
        chunks.append([raw[at + 4 : at + 8], raw[at + 8 : at + 8 + n]])
        at += 12 + n
    if not chunks:
        return in_bytes(raw, dice)
    i = dice.randrange(len(chunks))
    if dice.random() < 0.7:
        chunks[i][1] = in_numbers(chunks[i][1], dice)
    else:
        chunks.insert(dice.randrange(len(chunks)), dice.choice(chunks))
    packed = (struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks)
    return raw[:8] + b"".join(packed)


KINDS = {
    ".json": in_json,
    ".ndjson": in_json_lines,
    ".txt": in_text,
    ".csv": in_text,
    ".xml": in_xml,
    ".feather": in_feather,
    ".parquet": in_parquet,
    ".npy": in_npy,
    ".npz": in_npz,
    ".pcd": in_headed,
    ".ply": in_headed,
    ".png": in_png,
}
