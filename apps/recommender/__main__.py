"""`python -m apps.recommender VERB`."""

from apps.recommender.cli import main

main()
