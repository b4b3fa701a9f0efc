# frozen_string_literal: true

module Sandmill
  # Says that a field may be missing: it is nil then.
  def self.optional(type) = Schema::Optional.new(type)

  # Says that a field has one of these values. The first is the default.
  def self.one_of(*values) = Schema::OneOf.new(values)

  # What a table holds, and how it is read.
  #
  # A field is given as a class (`Integer`: required), as a default (`80`: the type is that of the default), as `[String]` (an
  # array of these), as a table of fields, or as what `optional` and `one_of` return.
  class Schema
    # A value that does not fit. `path` leads to it.
    class Misfit < StandardError
      attr_reader :path

      def initialize(message, path = [])
        super(message)
        @path = path
      end

      def inside(name) = Misfit.new(message, [name, *path])

      def at(root) = "#{([root] + path).join(".")}: #{message}"

      # For a record: the path, where there is one.
      def to_text = path.empty? ? message : "#{path.join(".")}: #{message}"
    end

    Optional = Struct.new(:type)
    OneOf = Struct.new(:values)
    REQUIRED = Object.new.freeze
    BOOLEANS = [true, false].freeze
    NAMES = { String => "text", Integer => "a whole number", Float => "a number", Numeric => "a number", Hash => "a table",
              Array => "an array", Symbol => "text", Object => "any value" }.freeze

    # `strict`: a field that is not named is refused. Else it is ignored.
    def initialize(fields, strict:)
      @strict = strict
      @readers = fields.to_h { |name, type| [name.to_s, reader(type, name)] }
      @defaults = fields.to_h { |name, type| [name.to_s, default(type)] }
      @shape = fields.empty? ? nil : Struct.new(*fields.keys.map(&:to_sym), keyword_init: true)
    end

    # A struct with the fields. Raises Misfit.
    def read(given)
      raise Misfit, "expected a table, found #{self.class.shown(given)}" unless given.is_a?(Hash)

      refuse_unknown(given) if @strict
      values = @readers.to_h { |name, read| [name.to_sym, field(name, read, given)] }
      @shape ? @shape.new(**values) : {}
    end

    def self.shown(value)
      text = value.inspect
      text.length > 60 ? "#{text[0, 60]}…" : text
    end

    private

    def field(name, read, given)
      return read.call(given[name]) if given.key?(name)

      default = @defaults[name]
      raise Misfit, "missing field `#{name}`" if default.equal?(REQUIRED)

      default.is_a?(Proc) ? default.call : default
    rescue Misfit => misfit
      raise given.key?(name) ? misfit.inside(name) : misfit
    end

    def refuse_unknown(given)
      unknown = given.keys.find { |name| !@readers.key?(name) }
      return if unknown.nil?

      expected = @readers.keys.map { |name| "`#{name}`" }.join(", ")
      raise Misfit.new("unknown field `#{unknown}`, expected #{expected.empty? ? "no fields" : expected}", [unknown])
    end

    def default(type)
      case type
      when Module, Hash then type.is_a?(Hash) && optional_table?(type) ? -> { Schema.new(type, strict: @strict).read({}) } : REQUIRED
      when Optional then nil
      when OneOf then type.values.first
      when Array then type.first.is_a?(Module) || type.first.is_a?(Hash) ? REQUIRED : -> { type.map(&:dup) }
      when String then type.dup.freeze
      else type
      end
    end

    # Whether each field of it has a default.
    def optional_table?(fields)
      fields.values.all? { |type| !default(type).equal?(REQUIRED) }
    end

    def reader(type, name)
      case type
      when Optional then optional(reader(type.type, name))
      when OneOf then one_of(type.values)
      when Hash then table(type)
      when Array then array(type, name)
      when Module then of_class(type, name)
      when true, false then of_values(BOOLEANS, "true or false")
      when String then of_class(String, name)
      when Integer then of_class(Integer, name)
      when Float then of_class(Float, name)
      else raise ArgumentError, "#{name}: #{type.inspect} does not say what the field is"
      end
    end

    def optional(read) = ->(value) { value.nil? ? nil : read.call(value) }

    def one_of(values)
      of_values(values, "one of #{values.map(&:inspect).join(", ")}")
    end

    def of_values(values, expected)
      ->(value) { values.include?(value) ? value : raise(Misfit, "expected #{expected}, found #{Schema.shown(value)}") }
    end

    def table(fields)
      schema = Schema.new(fields, strict: @strict)
      ->(value) { schema.read(value) }
    end

    def array(type, name)
      read = type.empty? ? ->(value) { value } : reader(type.first, name)
      lambda do |value|
        raise Misfit, "expected an array, found #{Schema.shown(value)}" unless value.is_a?(Array)

        value.each_with_index.map do |each, index|
          read.call(each)
        rescue Misfit => misfit
          raise misfit.inside(index)
        end
      end
    end

    def of_class(type, name)
      expected = NAMES[type] || raise(ArgumentError, "#{name}: a field is String, Integer, Float, Hash, Array or Object, not #{type}")
      lambda do |value|
        value = value.to_f if type == Float && value.is_a?(Integer)
        value.is_a?(type) ? value : raise(Misfit, "expected #{expected}, found #{Schema.shown(value)}")
      end
    end
  end
end
