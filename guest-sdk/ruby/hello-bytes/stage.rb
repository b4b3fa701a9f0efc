# frozen_string_literal: true

# The stage under test whose records are bytes: the same in each language.

require "sandmill"

Sandmill.stage(input: :bytes, config: { prefix: "" }) { |value, config| config.prefix.b + value }
