"""How a release fares with texts that are written otherwise than those it is measured on."""
