"""Applications that run where they stand, and are copied under a name of your own.

`retrieve` and `rank` hold what is theirs; whatever file they lack is that of `classify`.
"""
