"""Whatever happens to it, mailmine loses nothing, doubles nothing and tells what it should. `python -m bench.chaos`."""
