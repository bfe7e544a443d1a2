"""Texts without labels: a pretrained model goes on learning from them, before any task does."""
