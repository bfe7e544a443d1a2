"""Several processes of one machine behind one port."""
