"""`python -m apps.customer_service VERB`."""

from apps.customer_service.cli import main

main()
