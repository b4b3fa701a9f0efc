"""JSON is exact or it fails; a configuration that does not fit is refused with the field's name."""

import enum
import json
import typing
import unittest
from dataclasses import dataclass, field
from typing import Any, Literal, Optional, TypedDict

from sandmill import Failure, trial


def same(value: Any):
    return {"v": value}


class Exact(unittest.TestCase):
    def test_values_come_out_as_they_went_in(self):
        texts = [
            "9007199254740993",
            "-123456789012345678901234567890",
            "0.1",
            "1e300",
            '"\\u0000é😀"',
            "[]",
            '{"<&>":null}',
        ]
        fates = trial(same).process(texts)
        self.assertEqual(fates.failures, {})
        for text, output in zip(texts, fates.texts):
            self.assertEqual(json.loads(output)["v"], json.loads(text))

    def test_what_json_cannot_say_exactly_fails(self):
        texts = [
            "NaN",
            "Infinity",
            "-Infinity",
            "1e400",
            "-1e400",
            '"\\ud800"',
            "",
            '{"a":1',
            "1 2",
            "\ufeff1",
            "[" * 100_000,
        ]
        fates = trial(same).process(texts)
        self.assertEqual(fates.texts, [])
        self.assertEqual(set(fates.failures), set(range(len(texts))))
        self.assertEqual(fates.failure(10), "not JSON: nested more than 512 levels deep")
        self.assertEqual(fates.failure(3), "not JSON: the number 1e400 is too large for a float")

    def test_json_may_be_nested_500_levels_deep_and_strings_may_hold_brackets(self):
        deep = "[" * 500 + "]" * 500
        brackets = json.dumps(["[" * 2_000, '"{' * 2_000, "\\"])
        self.assertEqual(trial(same).process([deep, brackets]).failures, {})

    def test_an_integer_that_no_float_holds_does_not_become_one(self):
        def number(value: float):
            return value

        self.assertEqual(trial(number).process(["1", "9007199254740992"]).texts, ["1.0", "9007199254740992.0"])
        self.assertIn("has no exact float", trial(number).process(["9007199254740993"]).failure(0))


class Colour(enum.Enum):
    RED = "red"


class Low(TypedDict):
    low: int


if hasattr(typing, "NotRequired"):

    class Limits(Low):
        high: typing.NotRequired[int]

else:  # Python 3.10

    class Limits(Low, total=False):
        high: int


@dataclass
class Config:
    name: str
    size: int = 1
    rate: float = 0.5
    fields: list[str] = field(default_factory=list)
    mode: Literal["fast", "slow"] = "fast"
    colour: Colour = Colour.RED
    limits: Optional[Limits] = None
    either: int | str = 0


def configured(line: str, config: Config):
    return repr(config)


class Configuration(unittest.TestCase):
    def refused(self, config):
        with self.assertRaises(Failure) as refused:
            trial(configured, config)
        return str(refused.exception)

    def test_a_configuration_that_fits_is_read_as_its_type(self):
        given = {"name": "ü", "size": 2**53 + 1, "rate": 2, "colour": "red", "limits": {"low": 1}, "either": "x"}
        expected = Config("ü", 2**53 + 1, 2.0, [], "fast", Colour.RED, {"low": 1}, "x")
        self.assertEqual(trial(configured, given).process([""]).texts, [repr(expected)])

    def test_a_field_that_does_not_fit_is_named(self):
        for given, expected in [
            ({}, "config: missing field `name`"),
            ({"name": 3}, "config.name: invalid type: integer 3, expected a string"),
            ({"name": "a", "size": True}, "config.size: invalid type: boolean true, expected an integer"),
            ({"name": "a", "size": 1.0}, "config.size: invalid type: number 1.0, expected an integer"),
            ({"name": "a", "fields": ["a", 1]}, "config.fields[1]: invalid type: integer 1, expected a string"),
            ({"name": "a", "mode": "x"}, 'config.mode: string "x" is not one of "fast", "slow"'),
            (
                {"name": "a", "limits": {"low": 1, "hihg": 2}},
                "config.limits.hihg: unknown field `hihg`, expected `low`, `high`",
            ),
            ({"name": "a", "either": 1.5}, "config.either: invalid type: number 1.5, expected an integer or a string"),
        ]:
            self.assertEqual(self.refused(given), expected)
        self.assertTrue(self.refused({"nmae": "a"}).startswith("config.nmae: unknown field `nmae`, expected `name`, "))

    def test_configuration_that_nobody_reads_is_refused(self):
        with self.assertRaisesRegex(Failure, 'takes no configuration, but has "loud"'):
            trial(same, loud=True)

    def test_what_a_class_refuses_is_a_refused_configuration(self):
        @dataclass
        class Positive:
            size: int

            def __post_init__(self):
                if self.size < 0:
                    raise ValueError("size is negative")

        def sized(line: str, config: Positive): ...

        with self.assertRaisesRegex(Failure, "config: size is negative"):
            trial(sized, size=-1)


if __name__ == "__main__":
    unittest.main()
