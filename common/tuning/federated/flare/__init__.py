"""A round over NVFlare: it carries the files, the verbs of `federate` do the rest."""
