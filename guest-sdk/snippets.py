#!/usr/bin/env python3
"""Writes the files that a page shows: each block of code whose first line is a comment with a path.

    guest-sdk/snippets.py guest-sdk/c/README.md FOLDER
"""

import pathlib
import re
import sys

BLOCK = re.compile(r"^```\w+\n(?:/\*|//|#) (\S+/\S+?)(?: \*/)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def main() -> None:
    page, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    found = BLOCK.findall(page.read_text())
    if not found:
        sys.exit(f"{page} shows no files")
    for path, text in found:
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


main()
