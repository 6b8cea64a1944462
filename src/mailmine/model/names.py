"""What things may be called, so that their names can stand in addresses of the API (Communications Mining, section 0)."""

import re

NAME = re.compile(r"[A-Za-z0-9_-]{1,256}", re.ASCII)
"""A bucket, source, dataset, stream or integration; a project as well where it is made here."""
