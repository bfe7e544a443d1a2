"""What a run reads and how it is started: both texts of a pair in one batch, the verb `train`."""
