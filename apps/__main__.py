"""`python -m apps`: what is here, all of it at once, and an application of your own."""

from apps.new.cli import verbs
from apps.start.cli import app, main

app.add_typer(verbs)
main()
