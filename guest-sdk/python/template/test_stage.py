import unittest

from sandmill import trial
from stage import greet


class Greet(unittest.TestCase):
    def test_greets_by_name(self):
        fates = trial(greet, greeting="Hi").process(["Ada", ""])
        self.assertEqual(fates.texts, ["Hi, Ada!"])
        self.assertEqual(fates.failure(1), "nobody to greet")
