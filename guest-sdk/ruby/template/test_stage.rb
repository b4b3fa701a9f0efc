# frozen_string_literal: true

require "minitest/autorun"
require_relative "stage"

class TestStage < Minitest::Test
  def test_greets_by_name
    fates = Sandmill.trial(greeting: "Hi").process(["Ada", ""])
    assert_equal ["Hi, Ada!"], fates.texts
    assert_equal "nobody to greet", fates.failure(1)
  end
end
