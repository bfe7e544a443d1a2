"""What a business expects of the decisions on its own texts, as files that it extends."""
