# frozen_string_literal: true

module Sandmill
  # Why a record failed.
  Failed = Struct.new(:index, :message, :retryable)
  private_constant :Failed

  # What became of the records of a call. Empty `origins`: one output for each record. Empty `ports`: all to 0.
  Outcome = Struct.new(:values, :keys, :origins, :ports, :failures)
  private_constant :Outcome

  # The outputs of a call, as they are collected from what the stage returned.
  class Emitted
    PORTS = (0..0xffff)

    attr_reader :values, :origins

    def initialize
      @values = Column.new
      @keys = []
      @origins = []
      @ports = []
      @has_keys = @has_ports = false
    end

    def size = @origins.size

    # Forgets the outputs from number `mark` on.
    def take_back(mark)
      return if size == mark

      @values.truncate(mark)
      [@keys, @origins, @ports].each { |column| column.slice!(mark..) }
    end

    # Adds what a stage returned for a record. Raises TypeError and ArgumentError for what cannot be an output.
    def add(value, origin, key = "", record = "", port = 0)
      case value
      when String then one(text(value), origin, key, port)
      when nil, false then nil
      when true then one(record, origin, key, port)
      when Keyed, Record then add(value.value, origin, key_of(value.key), record, port)
      when To then add(value.value, origin, key, record, port_of(value.port))
      when Json then one(Exact.generate(value.value), origin, key, port)
      when Hash, Integer, Float, *Exact::TABLES then one(Exact.generate(value), origin, key, port)
      when Array, Enumerator then value.each { |each| add(each, origin, key, record, port) }
      else raise TypeError, refusal(value)
      end
    end

    # The outputs as columns.
    def outcome(failures, straight: false)
      keys = @has_keys ? Column.of(@keys) : Column.new
      Outcome.new(@values, keys, straight ? [] : @origins, @has_ports ? @ports : [], failures)
    end

    private

    def one(bytes, origin, key, port)
      # Keys and ports cost nothing until an output has one: those before it have none.
      add_key(key) if @has_keys || !key.empty?
      add_port(port) if @has_ports || port != 0
      @values.add(bytes)
      @origins << origin
    end

    def add_key(key)
      @keys.fill("", 0, size) unless @has_keys
      @has_keys = true
      @keys << key
    end

    def add_port(port)
      @ports.fill(0, 0, size) unless @has_ports
      @has_ports = true
      @ports << port
    end

    def text(value)
      case value.encoding
      when Encoding::UTF_8
        return value if value.valid_encoding?

        raise ArgumentError, "the output is not UTF-8: for bytes, return `value.b`"
      when Encoding::BINARY, Encoding::US_ASCII then value
      else value.encode(Encoding::UTF_8)
      end
    end

    def key_of(key)
      return text(key.is_a?(Symbol) ? key.name : key) if key.is_a?(String) || key.is_a?(Symbol)

      raise TypeError, "a key is a String, not #{article(key)}"
    end

    def port_of(port)
      return port if port.is_a?(Integer) && PORTS.cover?(port)

      raise ArgumentError, "#{port.inspect} is not the number of an output: they are counted from 0"
    end

    def refusal(value)
      "the stage returned #{article(value)}: an output is a String, JSON (a Hash, a Struct, a number), " \
        "an Array or Enumerator of these, or nil for no output"
    end

    def article(value)
      name = value.class.name.to_s
      "#{name.match?(/\A[AEIOU]/) ? "an" : "a"} #{name}"
    end
  end
  private_constant :Emitted
end
