"""Answers from documents: found by passage, quoted by sentence, given only where no FAQ is sure."""
