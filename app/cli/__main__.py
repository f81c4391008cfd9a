"""`python -m app.cli` is the command `onetill`."""

from app.cli import main

main()
