"""`python -m apps`: what is here, and all of it at once."""

from apps.start.cli import main

main()
