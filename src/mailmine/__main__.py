"""`python -m mailmine` is `mailmine`."""

from mailmine.cli import main

main()
