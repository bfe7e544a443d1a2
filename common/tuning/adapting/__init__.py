"""What training has to do for adapters beside learning."""
