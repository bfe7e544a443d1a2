"""`python -m apps.finance_monitor VERB`."""

from apps.finance_monitor.cli import main

main()
