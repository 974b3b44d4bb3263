"""What strict JSON has no place for is told with its line and column: of NaN, huge numbers and keys that come twice Python's parser tells none."""

from __future__ import annotations

import re

import pytest

import boxwright as bw
from boxwright.formats import strict_json
from boxwright.formats.json_parts import JsonParts

FAULTS = {
    "NaN": ('{"NaN": "NaN",\n "a\\"NaN": [1, 2.5,\n  NaN]}', "line 3 column 3: not strict JSON: NaN is not a number"),
    "-Infinity": ("[1,\n\n -Infinity]", "line 3 column 2: not strict JSON: -Infinity is not a number"),
    "huge": ('[1.5, 1e40, "1e400", 1e400]', "line 1 column 22: not strict JSON: 1e400 is too large a number"),
    "twice": ('{"b": 0, "a": [{"b": "b"}],\n "ö": {"b": {"b": 1}},\n "\\u0062": 1}', "line 3 column 2: not strict JSON: the key 'b' comes twice"),
}


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("load", [strict_json.load, lambda file: JsonParts(file).whole(), lambda file: strict_json.of_bytes(file.read_bytes(), file)])
def test_faults_have_a_place(tmp_path, name, load):
    text, said = FAULTS[name]
    file = tmp_path / "labels.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(bw.FormatError, match=re.escape(f"labels.json, {said}")):
        load(file)
