"""Every shape of function and class that is a stage, through configuration, parsing, call and result."""

import unittest
from dataclasses import dataclass
from typing import Iterator, TypedDict
from unittest import mock

from sandmill import At, Failure, Json, Keyed, Record, To, _columns, _instance, source, stage, trial
from sandmill._instance import Instance, Plan


@dataclass
class Order:
    customer: str
    amount: float


class Item(TypedDict):
    name: str


@stage
def shout(line: str) -> str:
    return line.upper()


@stage
def raw(value: bytes):
    return value[::-1]


@stage
def picky(line):
    match line:
        case "drop":
            return None
        case "false":
            return False
        case "same":
            return True
        case "many":
            return ["a", b"b", {"c": 1}, None]
        case "keyed":
            return Keyed("schlüssel", "v")
        case "port":
            return To(2, ["x", Keyed("k", "y")])
        case "json":
            return Json([1, 2])
        case "fail":
            raise Failure("told to", retryable=True)
        case "raise":
            return {}["missing"]
        case "set":
            return {1}
        case "stop":
            raise StopIteration
        case "surrogate":
            return ["ok", "\ud800"]
        case "nan":
            return {"x": float("nan")}
    return line


class Shapes(unittest.TestCase):
    def test_text_is_decoded_and_a_record_that_is_not_utf_8_fails_alone(self):
        fates = trial(shout).process(["a", b"\xff", "ß", b"x\xe2\x82"])
        self.assertEqual(fates.texts, ["A", "SS"])
        self.assertEqual(fates.failure(1), "the record is not UTF-8: byte 0xff at offset 0")
        self.assertEqual(fates.failure(3), "the record is not UTF-8: byte 0xe2 at offset 1")
        self.assertEqual([output.origin for output in fates.outputs], [0, 2])

    def test_a_character_that_is_divided_between_two_records_makes_both_fail(self):
        fates = trial(shout).process([b"\xc3", b"\xbc", "ü"])
        self.assertEqual((fates.texts, set(fates.failures)), (["Ü"], {0, 1}))

    def test_bytes_pass_unchanged(self):
        self.assertEqual([o.value for o in trial(raw).process([b"\xff\x00", b""]).outputs], [b"\x00\xff", b""])

    def test_every_result_has_its_outputs(self):
        fates = trial(picky).process(["drop", "false", "same", "many", "keyed", "port", "json", "x"])
        shown = [(o.origin, o.port, o.key.decode(), o.text) for o in fates.outputs]
        self.assertEqual(
            shown,
            [
                (2, 0, "", "same"),
                (3, 0, "", "a"),
                (3, 0, "", "b"),
                (3, 0, "", '{"c":1}'),
                (4, 0, "schlüssel", "v"),
                (5, 2, "", "x"),
                (5, 2, "k", "y"),
                (6, 0, "", "[1,2]"),
                (7, 0, "", "x"),
            ],
        )

    def test_an_exception_fails_its_record_with_the_place_in_the_authors_file(self):
        fates = trial(picky).process(["a", "raise", "fail", "b"])
        self.assertEqual(fates.texts, ["a", "b"])
        self.assertRegex(fates.failure(1), r"^KeyError: 'missing' \(test_shapes\.py:\d+ in picky\)$")
        self.assertEqual((fates.failure(2), fates.failures[2].retryable), ("told to", True))

    def test_what_cannot_be_an_output_fails_its_record_and_takes_its_outputs_back(self):
        fates = trial(picky).process(["set", "surrogate", "nan", "stop", "x"])
        self.assertEqual(fates.texts, ["x"])
        self.assertIn("the stage returned a set", fates.failure(0))
        self.assertIn("half a character", fates.failure(1))
        self.assertIn("ValueError", fates.failure(2))
        self.assertIn("StopIteration", fates.failure(3))

    def test_a_failure_in_every_place_of_a_batch_leaves_the_others_alone(self):
        stage = trial(picky)
        for place in range(4):
            given = ["a", "b", "c", "d"]
            given[place] = "raise"
            fates = stage.process(given)
            self.assertEqual(fates.texts, [each for each in given if each != "raise"])
            self.assertEqual(set(fates.failures), {place})

    @mock.patch.object(_instance, "PART", 256)
    def test_a_batch_of_many_parts_has_all_its_fates_in_order(self):
        plain = [f"{index}" for index in range(600)]
        for place in (0, 255, 256, 599):
            for special, texts in (("same", ["same"]), ("drop", []), ("many", ["a", "b", '{"c":1}']), ("raise", [])):
                given = [*plain]
                given[place] = special
                fates = trial(picky).process_keyed([(f"k{each}", each) for each in given])
                self.assertEqual(fates.texts, [*plain[:place], *texts, *plain[place + 1 :]])
                self.assertTrue(all(o.key.decode() == f"k{given[o.origin]}" for o in fates.outputs))
                self.assertEqual(set(fates.failures), {place} if special == "raise" else set())

    @mock.patch.object(_instance, "PART", 256)
    def test_one_record_that_is_not_ascii_or_not_utf_8_leaves_other_parts_alone(self):
        plain = [f"{index}" for index in range(600)]
        for given, texts in (("ß", ["SS"]), (b"\xff", [])):
            fates = trial(shout).process([*plain[:300], given, *plain[300:]])
            self.assertEqual(fates.texts, [*plain[:300], *texts, *plain[300:]])

    @mock.patch.object(_instance, "PART", 256)
    def test_outputs_may_be_longer_than_the_records_whose_room_they_take(self):
        @stage
        def thrice(line):
            return line * 3

        given = [f"{index}" for index in range(600)]
        values, keys = _columns.joined([each.encode() for each in given]), _columns.NO_BYTES
        outcome = Instance(Plan(thrice), "{}").process(iter(values), keys)
        self.assertEqual(_columns.slices(*outcome.values), [(each * 3).encode() for each in given])

    def test_a_text_with_a_length_of_its_own_is_its_characters(self):
        class Odd(str):
            def __len__(self):
                return 1

        @stage
        def odd(line):
            return Odd(line)

        self.assertEqual(trial(odd).process(["abc", "", "ü"]).texts, ["abc", "", "ü"])

    @mock.patch.object(_instance, "PART", 256)
    def test_a_list_that_a_stage_changes_later_is_read_when_all_records_are_processed(self):
        shared = []

        @stage
        def count(line):
            shared.append(line)
            return shared if line == "last" else "one"

        fates = trial(count).process([*["x"] * 300, "last", *["y"] * 300])
        self.assertEqual(len(fates.outputs), 600 + 601)

    def test_an_empty_batch_has_no_fates(self):
        for each in (shout, raw, picky):
            fates = trial(each).process([])
            self.assertEqual((fates.outputs, fates.failures), ([], {}))

    def test_an_output_keeps_the_key_of_its_record(self):
        fates = trial(picky).process_keyed([("k", "a"), ("", "drop"), (b"\xff", "many"), ("m", "keyed")])
        self.assertEqual([o.key for o in fates.outputs], [b"k", b"\xff", b"\xff", b"\xff", "schlüssel".encode()])
        fates = trial(shout).process_keyed([("k", "a"), ("", "b")])
        self.assertEqual([o.key for o in fates.outputs], [b"k", b""])

    def test_a_record_has_its_key(self):
        def swap(record: Record[str]):
            return Record(record.value.encode(), record.key)

        fates = trial(swap).process_keyed([("k", "a")])
        self.assertEqual((fates.outputs[0].key, fates.texts), (b"a", ["k"]))

        def typed(record: Record[Order]):
            return f"{record.key.decode()} {record.value.amount}"

        self.assertEqual(trial(typed).process_keyed([("k", '{"customer": "A", "amount": 1}')]).texts, ["k 1.0"])

    def test_json_is_read_as_the_type_of_the_parameter(self):
        def discount(order: Order):
            order.amount /= 2
            return order

        fates = trial(discount).process(
            [
                '{"customer": "Ada", "amount": 8, "note": 1}',
                '{"customer": "Bob"}',
                '{"customer": 3, "amount": 1}',
                "[",
                "",
            ]
        )
        self.assertEqual(fates.texts, ['{"customer":"Ada","amount":4.0}'])
        self.assertEqual(fates.failure(1), "missing field `amount`")
        self.assertEqual(fates.failure(2), "customer: invalid type: integer 3, expected a string")
        self.assertTrue(fates.failure(3).startswith("not JSON: Expecting value"))

        def names(items: list[Item]) -> list[str]:
            return [item["name"] for item in items]

        self.assertEqual(trial(names).process(['[{"name": "a"}, {"name": "b"}]']).texts, ["a", "b"])
        failure = trial(names).process(['[{"name": "a"}, {"name": 1}]']).failure(0)
        self.assertEqual(failure, "[1].name: invalid type: integer 1, expected a string")

    def test_a_generator_runs_before_the_next_record(self):
        seen = []

        def words(line: str) -> Iterator[str]:
            seen.append(line)
            yield from line.split()
            if line == "x":
                raise ValueError("late")

        fates = trial(words).process(["a b", "x", "", "c"])
        self.assertEqual((fates.texts, seen), (["a", "b", "c"], ["a b", "x", "", "c"]))
        self.assertIn("ValueError: late (test_shapes.py:", fates.failure(1))

    def test_a_class_keeps_state_and_gives_it_up_at_its_end(self):
        @stage
        class Count:
            def __init__(self):
                self.counts = {}

            def process(self, word: str):
                self.counts[word] = self.counts.get(word, 0) + 1

            def flush(self):
                for word, count in sorted(self.counts.items()):
                    yield Keyed(word, count)

        counting = trial(Count)
        self.assertEqual(counting.process(["b", "a", "b"]).outputs, [])
        counting.process(["a"])
        self.assertEqual(
            [(o.key, o.text, o.origin) for o in counting.flush().outputs], [(b"a", "2", None), (b"b", "2", None)]
        )
        self.assertEqual(trial(Count).flush().outputs, [])

    def test_what_breaks_an_instance_is_not_a_failure_of_the_record(self):
        def deep(line: str):
            return deep(line)

        with self.assertRaises(RecursionError):
            trial(deep).process(["a"])
        for error in (MemoryError, SystemExit):

            def ends(line: str):
                raise error

            with self.assertRaises(error):
                trial(ends).process(["a"])

    def test_a_function_that_cannot_be_a_stage_is_refused_before_any_record(self):
        async def waits(line: str): ...

        def nothing(): ...

        def too_much(line, config, more): ...

        def odd(line: complex): ...

        class Empty: ...

        for wrong, why in [
            (waits, "is `async`"),
            (nothing, "takes no record"),
            (too_much, "takes more too"),
            (odd, "JSON cannot be read as complex"),
            (Empty, "has no `process"),
        ]:
            with self.assertRaisesRegex(TypeError, why):
                trial(wrong)


class Sources(unittest.TestCase):
    def test_a_source_without_cursors_skips_what_an_earlier_run_had(self):
        @source
        def numbers(config: dict):
            yield from map(str, range(config["to"]))

        first = trial(numbers, to=5)
        self.assertEqual((first.pull(2).texts, first.cursor, first.done), (["0", "1"], "2", False))
        self.assertEqual(trial(numbers, to=5, cursor=first.cursor).pull().texts, ["2", "3", "4"])
        first.pull()
        self.assertTrue(first.done)
        with self.assertRaisesRegex(Failure, "is not a number of records"):
            trial(numbers, to=5, cursor="x")

    def test_a_source_with_cursors_begins_where_it_is_told(self):
        @source
        def letters(cursor: str | None):
            for letter in "abcd"["abcd".find(cursor or "a") :]:
                yield At(chr(ord(letter) + 1), Keyed(letter, letter))

        fates = trial(letters, cursor="c").pull()
        self.assertEqual([(o.key, o.text) for o in fates.outputs], [(b"c", "c"), (b"d", "d")])

    def test_what_a_source_cannot_yield_is_refused(self):
        for wrong in (None, True, ["a"], To(1, "a"), {1}):

            def yields():
                yield wrong

            yields.__sandmill__ = "source"
            with self.assertRaises(TypeError):
                trial(yields).pull()


if __name__ == "__main__":
    unittest.main()
