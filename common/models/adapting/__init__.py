"""What learns of a pretrained network: all of it, its top, or what is added to it."""
