"""Why a story was labelled as it was."""
