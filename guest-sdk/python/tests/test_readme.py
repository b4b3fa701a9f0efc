"""Every Python snippet of README.md runs."""

import re
import unittest
from pathlib import Path

README = (Path(__file__).parents[1] / "README.md").read_text()


class Readme(unittest.TestCase):
    def test_every_snippet_runs(self):
        snippets = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
        self.assertGreater(len(snippets), 5)
        for number, snippet in enumerate(snippets):
            with self.subTest(snippet=number):
                self.assertIn("assert ", snippet)
                exec(compile(snippet, "README.md", "exec"), {"__name__": f"snippet_{number}"})


if __name__ == "__main__":
    unittest.main()
