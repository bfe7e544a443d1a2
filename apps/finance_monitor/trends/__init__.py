"""How each company, topic and the market went, window by window, as pages draw it."""
