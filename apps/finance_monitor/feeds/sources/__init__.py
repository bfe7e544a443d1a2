"""What is asked again and again: feeds of the web, registers of filings, a mailbox."""
