# frozen_string_literal: true

# The stage under test whose records are JSON, read as a type: the same in each language.

require "sandmill"

ORDER = {
  id: Integer, customer: { name: String }, tags: Sandmill.optional([String]), value: Sandmill.optional(Object), price: 0.0
}.freeze

# Gives each order as it came; some names ask for what JSON does not have.
Sandmill.stage(input: ORDER) do |order|
  case order.customer.name
  when "~nan" then order.price = Float::NAN
  when "~infinity" then order.price = Float::INFINITY
  when "~surrogate" then order.customer.name = "\xed\xa0\x80"
  end
  order
end
