"""python -m boxwright"""

from .cli import main

main()
