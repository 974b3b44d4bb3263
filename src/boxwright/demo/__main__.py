"""python -m boxwright.demo compiles what `compile_beside` asks of another process."""

from .compiling import compile_boxes

compile_boxes()
