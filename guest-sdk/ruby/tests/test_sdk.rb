# frozen_string_literal: true

# `ruby -I lib tests/test_sdk.rb`, natively; `sandmill` runs the same interpreter that stages run on (tests/conformance.rs).

require "minitest/autorun"
require "sandmill"

class TestSdk < Minitest::Test
  def outcome(records, config = {}, **options, &block)
    Sandmill.stage(**options, &block).trial(config).process(records)
  end

  def refused(config, given)
    assert_raises(Sandmill::Failure) { Sandmill.stage(config: config) { |_, _| nil }.trial(given) }.message
  end

  def json(text) = outcome([text], input: :json) { |value| Sandmill::Json[value] }

  def test_json_is_exact_or_a_failure
    deep = "#{'{"a":' * 64}1#{"}" * 64}"
    [deep, '["[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["]', "9007199254740993", "[1,2.5,null,true]", '{"a":{"b":"ü"}}', '"http://a/b"', '"\ud83e\udd80"', '"\\\\ud800"'].each do |text|
      assert_nil json(text).failure(0), text
    end
    assert_equal ["9007199254740993"], json("9007199254740993").texts
    ["", "NaN", "1e400", "[1e400]", "Infinity", '{"a":1', "1 2", '"\ud800"', '"\ud83e x"', "[1, /* 2 */ 3]", "// a\n1", "\ufeff1",
     "#{"[" * 65}#{"]" * 65}", "[" * 100_000, '{"a":' * 500, "[1,]"].each do |text|
      refute_nil json(text).failure(0), text
      assert_match(/\Anot JSON: /, json(text).failure(0))
    end
  end

  def test_an_output_that_is_nested_too_deeply_is_refused
    fates = outcome(["x"]) { |_| 100.times.reduce(1) { |inner, _| { "a" => inner } } }
    assert_match(/nest/, fates.failure(0))
  end

  def test_what_is_not_json_cannot_be_an_output
    [Float::NAN, Float::INFINITY, { "a" => Float::NAN }, { "a" => Object.new }, { "a" => "\xff" }, "\xff", :symbol, Object.new].each do |value|
      fates = outcome(["x"]) { |_| value }
      assert_empty fates.outputs
      refute_nil fates.failure(0), value.inspect
    end
  end

  def test_structs_are_tables_at_any_depth
    pair = Struct.new(:a, :b)
    assert_equal ['{"a":1,"b":{"a":2,"b":[{"a":3,"b":null}]}}'],
                 outcome(["x"]) { |_| pair.new(1, { a: 2, b: [pair.new(3, nil)] }) }.texts
  end

  def test_a_configuration_is_refused_with_the_name_of_its_field
    assert_equal "config.a: expected a whole number, found \"x\"", refused({ a: 1 }, { a: "x" })
    assert_equal "config: missing field `a`", refused({ a: Integer }, {})
    assert_equal "config.b: unknown field `b`, expected `a`", refused({ a: 1 }, { b: 1 })
    assert_equal "config.a.1: expected text, found 2", refused({ a: [String] }, { a: ["x", 2] })
    assert_equal "config.a.b: expected true or false, found 1", refused({ a: { b: false } }, { a: { b: 1 } })
    assert_equal "config.a: expected one of \"x\", \"y\", found \"z\"", refused({ a: Sandmill.one_of("x", "y") }, { a: "z" })
    assert_equal "config: this stage takes no configuration, but has \"a\"", refused(nil, { a: 1 })
  end

  def test_a_configuration_has_its_defaults
    declared = { a: "x", b: { c: 2, d: [1] }, e: Sandmill.optional(Integer), f: Sandmill.one_of("u", "v"), g: 1.5 }
    seen = nil
    outcome(["r"], { g: 2 }, config: declared) { |_, config| (seen = config) && nil }
    assert_equal ["x", 2, [1], nil, "u", 2.0], [seen.a, seen.b.c, seen.b.d, seen.e, seen.f, seen.g]
  end

  def test_a_failure_takes_its_outputs_back
    fates = outcome(%w[a b c]) { |line| line == "b" ? ["one", Object.new] : line }
    assert_equal %w[a c], fates.texts
    assert_equal [0, 2], fates.outputs.map(&:origin)
    assert_match(/an Object/, fates.failure(1))
  end

  def test_an_output_has_the_key_of_its_record_unless_it_has_its_own
    stage = Sandmill.stage(keyed: true) { |record| [record.value + record.key, Sandmill::Keyed["own", "x"], Sandmill::To[2, "y"]] }
    fates = stage.trial.process_keyed([["k", "v"], ["", "w"]])
    assert_equal [["vk", "k", 0], ["x", "own", 0], ["y", "k", 2], ["w", "", 0], ["x", "own", 0], ["y", "", 2]],
                 fates.outputs.map { |it| [it.text, it.key, it.port] }
  end

  def test_return_leaves_a_block_as_next_does
    assert_equal %w[a], outcome(%w[a b]) { |line| return line if line == "a" }.texts
  end

  def test_a_method_by_its_name_takes_the_record_alone
    assert_equal ["ABC"], Sandmill.stage(&:upcase).trial.process(["abc"]).texts
    assert_equal ["b"], Sandmill.stage { |line, *| line[1] }.trial.process(["abc"]).texts
    config = Sandmill.stage(config: Hash) { |*all| all.last["x"] }.trial(x: "1").process(["abc"]).texts
    assert_equal ["1"], config
  end

  def test_bytes_are_what_they_were
    assert_equal ["\xff\x00".b], outcome(["\xff\x00"], input: :bytes) { |bytes| bytes }.outputs.map(&:value)
    assert_equal "the record is not UTF-8: byte 0xff at offset 2", outcome(["ü\xff"]) { |line| line }.failure(0)
  end

  def test_true_is_the_record_and_false_none
    assert_equal %w[a], outcome(%w[a b]) { |line| line == "a" }.texts
  end

  def test_a_source_without_a_cursor_skips_what_was_read
    source = Sandmill.source { %w[a b c] }
    first = source.trial
    assert_equal %w[a b], first.pull(2).texts
    rest = source.trial(cursor: first.cursor)
    assert_equal %w[c], rest.pull.texts
    assert rest.done?
  end

  def test_an_exception_has_its_place
    fates = outcome(["x"]) { |_| Integer("y") }
    assert_match(/\AArgumentError: invalid value for Integer\(\): "y" \(.*test_sdk\.rb:#{__LINE__ - 1}/, fates.failure(0))
  end

  def test_every_snippet_of_the_page_runs
    page = File.read(File.join(__dir__, "../README.md"), encoding: "UTF-8")
    snippets = page.scan(/^```ruby\n(.*?)^```/m).flatten
    assert_operator snippets.size, :>, 5
    snippets.each do |snippet|
      assert_includes snippet, "check "
      context = Object.new
      test = self
      context.define_singleton_method(:check) { |truth| test.assert(truth, snippet) }
      context.instance_eval(snippet, "README.md")
    end
  end
end
