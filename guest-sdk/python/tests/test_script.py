"""Scripts of pipeline files: every form that one may have, what it is given, and where its mistakes are."""

import json
import unittest

from sandmill import Failure, _columns, _declared, _script


def opened(script, **config):
    return _script.opened(json.dumps({"script": script, **config}))


def run(script, *records, **config):
    """The outputs of the records, as text, and failures as `index: message`."""
    instance = opened(script, **config)
    values = _columns.joined([record.encode() for record in records])
    outcome = instance.process(values, _columns.joined([b"key"] * len(records)))
    texts = [each.decode() for each in _columns.slices(*outcome.values)]
    return texts + [f"{each.index}: {each.message}" for each in outcome.failures]


def mistake(script, **config):
    try:
        opened(script, **config)
    except Failure as failure:
        return failure.message
    raise AssertionError(f"{script!r} has no mistake")


class Scripts(unittest.TestCase):
    def test_a_script_is_an_expression_or_its_last_statement_or_what_is_marked(self):
        forms = [
            "lambda r: {'a': r['a'] + 1}",
            "def add(r):\n    return {'a': r['a'] + 1}",
            "ONE = 1\nadd = lambda r: {'a': r['a'] + ONE}\nadd",
            "@stage\ndef add(r):\n    return helped(r)\n\ndef helped(r):\n    return {'a': r['a'] + 1}",
            "class Add:\n    def process(self, r):\n        return {'a': r['a'] + 1}",
        ]
        for form in forms:
            self.assertEqual(run(form, '{"a": 1}'), ['{"a":2}'], form)

    def test_a_record_is_what_the_signature_says_or_else_the_pipeline_file(self):
        self.assertEqual(run("lambda r: str(type(r))", "1"), ["<class 'int'>"])
        self.assertEqual(run("lambda r: r + '!'", "a", input="text"), ["a!"])
        self.assertEqual(run("lambda r: r[::-1]", "ab", input="bytes"), ["ba"])
        self.assertEqual(run("def f(r: str): return r + '!'", "a"), ["a!"])
        self.assertEqual(run("def f(r: Record[str]): return f'{r.key}{r.value}'", "a"), ["b'key'a"])
        typed = "from dataclasses import dataclass\n@dataclass\nclass A:\n    n: int\ndef f(r: A): return {'n': r.n}"
        self.assertEqual(run(typed, '{"n": 1, "m": 2}', '{"n": "x"}')[0], '{"n":1}')

    def test_outputs_are_those_of_the_sdk(self):
        script = "lambda r: [Keyed('k', r), To(1, r), Json([r])] if r else None"
        self.assertEqual(run(script, "1", "0"), ["1", "1", "[1]"])
        self.assertEqual(run("def f(r):\n    raise Failure('no', retryable=True)", "1"), ["0: no"])

    def test_arguments_are_config(self):
        self.assertEqual(run("lambda r: r > config['limit']", "1", arguments={"limit": 0}), ["1"])
        self.assertEqual(run("def f(r, c): return c", "1", arguments={"n": 9007199254740993}), ['{"n":9007199254740993}'])

    def test_state_is_a_class_and_its_flush_gives_results(self):
        instance = opened("class Sum:\n    n = 0\n    def process(self, r): self.n += r\n    def flush(self): return self.n")
        instance.process(_columns.joined([b"1", b"2"]), _columns.NO_BYTES)
        self.assertEqual(_columns.slices(*instance.flush().values), [b"3"])

    def test_an_exception_fails_its_record_with_the_line_of_the_script(self):
        script = "def f(r):\n    return 1 // r\n"
        self.assertEqual(run(script, "0", "1"), ["1", "0: ZeroDivisionError: integer division or modulo by zero (script:2 in f)"])
        self.assertIn("(mark.py:2 in f)", run(script, "0", file="mark.py")[0])

    def test_a_mistake_is_named_with_its_line_and_column(self):
        self.assertEqual(mistake("def f(r):\n    return +\n"), "2:13: SyntaxError: invalid syntax")
        self.assertTrue(mistake("lambda r: (", file="x.py").startswith("x.py:1:11: SyntaxError: "))
        self.assertEqual(mistake("x = 1\ny = 1 // 0"), "2:1: ZeroDivisionError: integer division or modulo by zero")
        self.assertEqual(mistake("x = 1"), f"1:1: {_script.NOTHING}")
        self.assertEqual(mistake("x = 1\n  \n3"), f"3:1: {_script.NOTHING}")
        self.assertTrue(mistake("import x_y_z").startswith("1:1: ModuleNotFoundError: "))
        self.assertTrue(mistake("def f(): pass").startswith("1:1: f takes no record"))
        self.assertTrue(mistake("async def f(r): pass").startswith("1:1: f is `async`"))

    def tearDown(self):
        del _declared.declared[:]


if __name__ == "__main__":
    unittest.main()
