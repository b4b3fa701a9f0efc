"""What is put in order in a component's memory, as far as any Python shows it."""

import sys
import types
import unittest
import weakref

from sandmill import _memory, _uncounted

SOURCE = """
class Meta(type):
    __mro__ = property(lambda cls: 1 / 0)
    __bases__ = property(lambda cls: 1 / 0)

class Shape(metaclass=Meta):
    def area(self):
        def inner(scale):
            return scale * self.side + 1234.5
        return inner

class Proxy:
    @property
    def __class__(self):
        raise RuntimeError("nobody asks")

class Told:
    def __del__(self):
        pass

class Sub(Told):
    pass

names = {"a key of a dict": ["an item"]}
proxy, told, watched = Proxy(), Sub(), Proxy()
table = [str(number) * 3 for number in range(10_000)]
"""


class Objects(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.module = types.ModuleType("made_for_a_test")
        exec(compile(SOURCE, "made.py", "exec"), cls.module.__dict__)
        cls.watch = weakref.ref(cls.module.watched)
        sys.modules[cls.module.__name__] = cls.module
        cls.found = {id(each): each for each in _uncounted._reachable()}

    @classmethod
    def tearDownClass(cls):
        del sys.modules[cls.module.__name__]

    def has(self, each):
        return id(each) in self.found

    def test_what_a_program_consists_of_is_found(self):
        module = self.module
        area = module.Shape.__dict__["area"]
        inner = next(each for each in area.__code__.co_consts if isinstance(each, types.CodeType))
        scaled = next(each for each in inner.co_consts if isinstance(each, float))
        key = next(iter(module.names))
        bases = type.__dict__["__bases__"].__get__(module.Sub)
        for each in (module, module.Shape, area, inner, scaled, key, module.names[key][0], module.proxy, bases):
            self.assertTrue(self.has(each), each)
        # Of the interpreter, too: classes and methods that no module names.
        for each in (type(iter([])), str.__dict__["upper"], type(lambda: None).__mro__):
            self.assertTrue(self.has(each), each)

    def test_what_is_only_looked_up_is_not(self):
        self.assertTrue(self.has(self.module.table))
        self.assertFalse(self.has(self.module.table[0]))

    def test_objects_are_bounded(self):
        least, _uncounted.OBJECTS_MAX = _uncounted.OBJECTS_MAX, 100
        try:
            self.assertEqual(len(_uncounted._reachable()), 100)
        finally:
            _uncounted.OBJECTS_MAX = least

    def test_whose_end_somebody_sees_is_still_counted(self):
        module = self.module
        self.assertTrue(_uncounted._is_missed(module.told))
        self.assertTrue(_uncounted._is_missed(module.watched))
        for each in (module.proxy, module.Sub, module.Shape, module, module.names):
            self.assertFalse(_uncounted._is_missed(each), type(each))


class Code(unittest.TestCase):
    def test_functions_do_the_same_when_their_code_is_elsewhere(self):
        rate = 3

        def tripled(value, *, add=1):
            return [each * rate + add for each in [value]] + [(lambda: value)()]

        def count():
            yield from range(rate)

        before = tripled.__code__, count.__code__
        ran = _memory._ran(lambda: tripled(1))
        self.assertIn(id(tripled.__code__), ran)
        self.assertNotIn(id(count.__code__), ran)
        self.assertIsNone(sys.getprofile())
        _memory._gather(lambda code: code in before)
        for function, old in zip((tripled, count), before):
            self.assertIsNot(function.__code__, old)
            self.assertEqual(function.__code__, old)
        self.assertEqual((tripled(2), tripled(2, add=0), list(count())), ([7, 2], [6, 2], [0, 1, 2]))

    def test_a_warm_up_that_fails_is_no_longer_looked_at(self):
        with self.assertRaises(ZeroDivisionError):
            _memory._ran(lambda: 1 // 0)
        self.assertIsNone(sys.getprofile())


if __name__ == "__main__":
    unittest.main()
