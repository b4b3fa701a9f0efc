# frozen_string_literal: true

# `ruby -I ../lib test_stage.rb`

require "minitest/autorun"
require_relative "stage"

class TestHello < Minitest::Test
  def test_each_mark_has_its_fate
    fates = Sandmill.trial(prefix: "> ").process(["aß", "!x", "!?x", "-", "+y", "*2", "@k=v", ">1 z", "~panic"])
    assert_equal ["> Aß", "> Y", "> Y", "> *2", "> *2", "> V", "> Z"], fates.texts
    assert_equal "told to fail: !x", fates.failure(1)
    assert_equal [false, true], [1, 2].map { |index| fates.failures[index].retryable? }
    assert_equal [["k", 0], ["", 1]], fates.outputs.last(2).map { |output| [output.key, output.port] }
    assert_match(/undefined method .*foo.* \(odd\.rb:\d+ in break_it, called from odd\.rb:\d+ in odd/, fates.failure(8))
  end

  def test_the_configuration_is_strict
    [{ prefix: 5 }, { prefx: "" }].each do |wrong|
      assert_raises(Sandmill::Failure) { Sandmill.trial(wrong) }
    end
  end
end
