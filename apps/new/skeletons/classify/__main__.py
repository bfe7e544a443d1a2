"""`python -m apps.new.skeletons.classify VERB`."""

from apps.new.skeletons.classify.cli import main

main()
