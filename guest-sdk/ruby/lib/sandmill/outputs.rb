# frozen_string_literal: true

module Sandmill
  # Raise it to fail the record, and only that record, with a message for the person who runs the pipeline.
  #
  #   raise Sandmill::Failure, "the amount is negative"
  #   raise Sandmill::Failure.new("the service is busy", retryable: true)
  class Failure < StandardError
    def initialize(message = "failed", retryable: false)
      super(message.to_s)
      @retryable = retryable ? true : false
    end

    # Whether another attempt may succeed.
    def retryable? = @retryable
  end

  # A record with its key. Returned, it is an output with this key and this value.
  Record = Struct.new(:key, :value)

  # An output with a key of its own, in place of the key of its record. An empty key means that it has none.
  Keyed = Struct.new(:key, :value)

  # Outputs for one of the stage's named outputs, counted from 0 in the order of the pipeline file.
  To = Struct.new(:port, :value)

  # One output that is this value as JSON. Only an array, a string, nil and booleans need it.
  Json = Struct.new(:value)

  # A record of a source, and where the record after it begins: the cursor that a resumed run is given.
  At = Struct.new(:cursor, :value)
end
