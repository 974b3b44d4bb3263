"""What the database itself refuses of work, whatever program asks: writing labels that were accepted, moves of a task that are not in the table,
verdicts on one's own work.

The labels of tasks that are limited to some classes or sensors are locked by the program alone (places.py). SQLite lets no trigger call its JSON
functions where schemas are not trusted, so a value of a body is read there as the text behind its key: a key stands in quotes that are not escaped,
which no text in a body can hold.
"""

from __future__ import annotations

import re

from .task_states import MOVES

__all__ = ["WORK_INDEX", "WORK_RULES", "spelled_json"]

WORK_INDEX = "CREATE INDEX entity_task ON entity(kind,scene_id) WHERE kind='task'"

_MOVES = ",".join(f"'{before}>{after}'" for before, after in MOVES)
_TASKS = (
    "EXISTS(SELECT 1 FROM entity t WHERE t.kind='task' AND t.scene_id=NEW.scene_id"
    " AND {WORD(t.body,state)}='accepted' AND {WORD(t.body,lock)}='all' AND "
)
_NS = "BETWEEN {INT(t.body,from_ns)} AND {INT(t.body,to_ns)}"
_FRAMES = "BETWEEN {INT(t.body,from_frame)} AND {INT(t.body,to_frame)}"
_OF_ROW = {
    "keyframe": "{ROW}.at_ns " + _NS,
    "track": "EXISTS(SELECT 1 FROM entity k WHERE k.parent_id={ROW}.id AND k.at_ns " + _NS + ")",  # noqa: S608
    "point_labels": "{INT({ROW}.body,frame_index)} " + _FRAMES,
    "point_edit": "{INT({ROW}.body,frame_index)} " + _FRAMES,
}


def _unlocked(row: str) -> str:
    parts = (f"(NEW.kind='{kind}' AND {_TASKS}{condition}))".replace("{ROW}", row) for kind, condition in _OF_ROW.items())
    return f"NEW.kind NOT IN ({','.join(map(repr, _OF_ROW))}) OR NOT({' OR '.join(parts)})"


_LOCKED = "labels of an accepted task are locked"
WORK_RULES = (
    ("entity", "unlocked", ("INSERT", "UPDATE"), _unlocked("NEW"), _LOCKED),
    ("entity", "was_unlocked", ("UPDATE",), _unlocked("OLD"), _LOCKED),
    ("change", "impartial", ("INSERT",), "NEW.kind<>'verdict' OR NEW.after IS NULL OR NOT {OWN(NEW.after)}", "nobody judges his own work"),
    (
        "change",
        "moves",
        ("INSERT",),
        "NEW.kind<>'task' OR NEW.after IS NULL OR (NEW.rev=1 AND {WORD(NEW.after,state)}='open') OR EXISTS(SELECT 1 FROM change c"  # noqa: S608
        " WHERE c.entity_id=NEW.entity_id AND c.rev=NEW.rev-1 AND ({WORD(c.after,state)}={WORD(NEW.after,state)}"
        " OR {WORD(c.after,state)}||'>'||{WORD(NEW.after,state)} IN (" + _MOVES + ")))",
        "a task does not move so",
    ),
)

_BEHIND = r"""substr(\1,instr(\1,'"\2":')+length('"\2":'))"""
_WORD = r"""substr(\1,instr(\1,'"\2":"')+length('"\2":"'),instr(substr(\1,instr(\1,'"\2":"')+length('"\2":"')),'"')-1)"""
_AUTHORS = r"""substr(\1,instr(\1,'"authors":'),instr(\1,'"reviewer":')-instr(\1,'"authors":'))"""
_REVIEWER = r"""rtrim(substr(\1,instr(\1,'"reviewer":')+length('"reviewer":')),'}')"""
_WORDS = {  # of SQLite, of PostgreSQL
    r"\{WORD\(([\w.]+),(\w+)\)\}": (_WORD, r"((\1)::json->>'\2')"),
    r"\{INT\(([\w.]+),(\w+)\)\}": (f"CAST({_BEHIND} AS INTEGER)", r"((\1)::json->>'\2')::bigint"),
    # its reviewer, the last key of a verdict, is one of its authors, the key before
    r"\{OWN\(([\w.]+)\)\}": (f"(instr({_AUTHORS},{_REVIEWER})>0)", r"jsonb_exists((\1)::jsonb->'authors',(\1)::json->>'reviewer')"),
}


def spelled_json(text: str, is_sqlite: bool) -> str:
    """In the words of one of the databases."""
    for word, meanings in _WORDS.items():
        text = re.sub(word, meanings[0 if is_sqlite else 1], text)
    return text
