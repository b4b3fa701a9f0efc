# frozen_string_literal: true

module Sandmill
  # How a record becomes the first argument of a stage.
  class Input
    FORMS = %i[text bytes json].freeze

    def initialize(form, keyed)
      @form = form.is_a?(Hash) ? :json : form
      @schema = form.is_a?(Hash) ? Schema.new(form, strict: false) : nil
      @keyed = keyed
      return if FORMS.include?(@form)

      raise ArgumentError, "input is :text, :bytes, :json, or the fields of a table, not #{form.inspect}"
    end

    def bytes? = @form == :bytes

    # `is_checked`: what is text is known to be UTF-8.
    def record(bytes, key, is_checked)
      refuse(bytes) unless is_checked || bytes.valid_encoding?
      value = @form == :json ? parsed(bytes) : bytes
      @keyed ? Record.new(key, value) : value
    end

    private

    def refuse(bytes)
      at = bytes.each_char.take_while(&:valid_encoding?).sum(&:bytesize)
      raise Failure, format("the record is not UTF-8: byte 0x%<byte>02x at offset %<at>d", byte: bytes.getbyte(at), at: at)
    end

    def parsed(text)
      value = Exact.parse(text)
      @schema ? @schema.read(value) : value
    rescue Exact::Inexact => error
      raise Failure, "not JSON: #{error.message}", []
    rescue Schema::Misfit => misfit
      raise Failure, misfit.to_text, []
    end
  end
  private_constant :Input

  # A configuration: `:none`, `Hash` for any table, or the fields of a table.
  class Configuration
    def initialize(declared)
      @declared = declared
      @schema = declared.is_a?(Hash) ? Schema.new(declared, strict: true) : nil
      return if @schema || declared.nil? || declared == Hash

      raise ArgumentError, "config is the fields of a table, or Hash for any table, not #{declared.inspect}"
    end

    # Raises Failure.
    def read(text)
      given = Exact.parse(text.strip.empty? || text.strip == "null" ? "{}" : text)
      raise Failure, "config: expected a table" unless given.is_a?(Hash)

      return @schema.read(given).freeze if @schema
      return given if @declared || given.empty?

      raise Failure, "config: this stage takes no configuration, but has \"#{given.keys.first}\""
    rescue Exact::Inexact => error
      raise Failure, "config: #{error.message}", []
    rescue Schema::Misfit => misfit
      raise Failure, misfit.at("config"), []
    end
  end
  private_constant :Configuration

  # A stage that was declared.
  class Stage
    attr_reader :input

    def initialize(target, input:, keyed:, config:)
      @target = target
      @input = Input.new(input, keyed)
      @config = Configuration.new(config)
      method = process_of(target)
      required = method.parameters.count { |kind, _| %i[req opt].include?(kind) }
      # Without a name, what is left is not looked at: `&:upcase` has such a parameter, and would take it for its own.
      required = 2 if method.parameters.any? { |kind, name| kind == :rest && ![nil, :*].include?(name) }
      raise ArgumentError, "the stage takes no record: its first parameter is the record" if required.zero?
      raise ArgumentError, "the stage takes more than a record and the configuration" if required > 2

      @takes_config = required == 2
    end

    def takes_config? = @takes_config

    def read_config(text) = @config.read(text)

    # What has `process`, and perhaps `flush`.
    def make(config)
      return @target.clone unless @target.is_a?(Class)

      takes = @target.instance_method(:initialize).arity != 0
      takes ? @target.new(config) : @target.new
    end

    # Opens the stage for a test of the whole of it: see `Sandmill.trial`.
    def trial(config = {}, **fields) = Trial.new(self, JSON.generate(config.to_h.merge(fields)))

    def source? = false

    private

    def process_of(target)
      return target.instance_method(:process) if target.is_a?(Class) && target.method_defined?(:process)
      return target.method(:process) if target.respond_to?(:process)

      raise ArgumentError, "#{target} has no `process(record)`"
    end
  end

  # A source that was declared.
  class Source
    attr_reader :block

    def initialize(block, config:)
      @block = block
      @config = Configuration.new(config)
    end

    def read_config(text) = @config.read(text)

    # Whether its records say where the next one begins.
    def names_cursors? = @block.parameters.size > 1

    def trial(config = {}, cursor: nil, **fields)
      SourceTrial.new(self, JSON.generate(config.to_h.merge(fields)), cursor)
    end

    def source? = true
  end

  # The block of a stage as an object with `process`: `return` leaves it as `next` does, and instance variables are its state.
  module Block
    def self.new(block)
      Object.new.tap { |stage| stage.define_singleton_method(:process, &block) }
    end
  end
  private_constant :Block

  @declared = []

  class << self
    # All stages and sources of the program, in order: a component has exactly one.
    attr_reader :declared

    # Declares the stage of this component: a block, or a class with `process` and perhaps `flush`.
    #
    # `input` says what the first parameter is: `:text` (the default), `:bytes`, `:json`, or the fields to read its JSON as.
    # With `keyed: true` it is a `Record` that has this as its value. `config` says what the second parameter is.
    def stage(target = nil, input: :text, keyed: false, config: nil, &block)
      raise ArgumentError, "a stage is a block or a class" if target.nil? == block.nil?

      declare(Stage.new(target || Block.new(block), input: input, keyed: keyed, config: config))
    end

    # Declares the source of this component: a block that returns its records as an Enumerator, or another Enumerable.
    #
    # Its parameters are optional: the configuration, and the cursor at which a resumed run begins. With a cursor, each
    # record is an `At`; without, a resumed run skips the records that an earlier run had.
    def source(config: nil, &block)
      raise ArgumentError, "a source is a block" if block.nil?

      declare(Source.new(block, config: config))
    end

    # Opens the stage or source that was declared last, for a test of the whole of it.
    #
    # The configuration is `config`, or keywords: `Sandmill.trial(prefix: "> ").process(["a"]).texts`. Raises Failure where
    # the configuration does not fit.
    def trial(config = {}, **options)
      raise ArgumentError, "no stage is declared: `require_relative` the file that does it" if declared.empty?

      declared.last.trial(config, **options)
    end

    private

    def declare(it)
      @declared << it
      it
    end
  end
end
