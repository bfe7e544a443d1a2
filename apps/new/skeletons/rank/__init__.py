"""Texts and candidates → the candidates in order."""
