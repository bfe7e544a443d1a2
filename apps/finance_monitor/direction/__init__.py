"""Which way a text points, by the words for what there is more or less of."""
