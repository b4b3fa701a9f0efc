"""`PYTHONPATH=.. python3 -m unittest`, or pytest."""

import unittest

from sandmill import Failure, trial
from stage import Hello as hello


class Hello(unittest.TestCase):
    def test_each_mark_has_its_fate(self):
        fates = trial(hello, prefix="> ").process(["aß", "!x", "!?x", "-", "+y", "*2", "@k=v", ">1 z", "~panic"])
        self.assertEqual(fates.texts, ["> Aß", "> Y", "> Y", "> *2", "> *2", "> V", "> Z"])
        self.assertEqual(fates.failure(1), "told to fail: !x")
        self.assertEqual([fates.failures[each].retryable for each in (1, 2)], [False, True])
        self.assertEqual([(output.key, output.port) for output in fates.outputs[-2:]], [(b"k", 0), (b"", 1)])
        self.assertIn("by zero (stage.py:", fates.failure(8))

    def test_the_configuration_is_strict(self):
        for wrong in ({"prefix": 5}, {"prefx": ""}):
            with self.assertRaises(Failure):
                trial(hello, wrong)


if __name__ == "__main__":
    unittest.main()
