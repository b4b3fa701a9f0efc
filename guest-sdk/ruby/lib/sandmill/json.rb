# frozen_string_literal: true

require "json"

module Sandmill
  # JSON that is exact, or an error: no infinity from `1e400`, no half of a surrogate pair, no comments.
  module Exact
    class Inexact < StandardError; end

    # An exception that is raised deeper than a hundred levels within the library ends the instance: the interpreter saves
    # its stack in 24 KiB.
    NESTING_MAX = 64
    READ = { max_nesting: NESTING_MAX, allow_nan: false, create_additions: false, allow_duplicate_key: true }.freeze
    WRITE = { max_nesting: NESTING_MAX, allow_nan: false, strict: true }.freeze
    # `Data` is of Ruby 3.2.
    TABLES = [Struct, *(Data if defined?(Data) && Data.respond_to?(:define))].freeze

    # Whether the library refuses what is not JSON by itself: since version 2.7 or so.
    IS_STRICT = begin
      JSON.generate([Struct.new(:a).new(1)], WRITE)
      false
    rescue JSON::GeneratorError
      true
    end

    # A number below these has at most 199 digits and an exponent below 100: it is finite.
    LARGE = /[eE]\+?\d{3}|\d{200}/
    HALF = /\\u[dD][89a-fA-F]/
    COMMENT = %r{/[/*]}
    STRING = /"(?:[^"\\]|\\.)*"/m
    PAIR = /\\u[dD][89abAB]\h\h\\u[dD][c-fC-F]\h\h/

    module_function

    # Raises Inexact.
    def parse(text)
      refuse_depth(text) if text.count("[{") > NESTING_MAX
      refuse_comments(text) if text.match?(COMMENT)
      refuse_halves(text) if text.match?(HALF)
      value = JSON.parse(text, READ)
      refuse_infinite(value) if text.match?(LARGE)
      value
    rescue JSON::ParserError => error
      raise Inexact, readable(error.message)
    end

    # Raises Inexact.
    def generate(value)
      return write(plain(value)) unless IS_STRICT

      begin
        JSON.generate(value, WRITE)
      rescue JSON::GeneratorError
        write(plain(value))
      end
    end

    def write(value)
      JSON.generate(value, WRITE)
    rescue JSON::GeneratorError, JSON::NestingError, EncodingError => error
      raise Inexact, "it cannot be written as JSON: #{readable(error.message)}"
    end

    # Structs are tables, and symbols texts.
    def plain(value)
      case value
      when Hash then value.to_h { |key, each| [key.to_s, plain(each)] }
      when Array then value.map { |each| plain(each) }
      when Symbol then value.name
      when *TABLES then plain(value.to_h)
      when String, Numeric, nil, true, false then value
      else raise Inexact, "it cannot be written as JSON: it has a value of class #{value.class}"
      end
    end

    def refuse_depth(text)
      depth = 0
      text.gsub(STRING, "").scan(/[\[\]{}]/) do |bracket|
        depth += bracket == "[" || bracket == "{" ? 1 : -1
        raise Inexact, "it has more than #{NESTING_MAX} levels" if depth > NESTING_MAX
      end
    end

    def refuse_comments(text)
      raise Inexact, "it has a comment" if text.gsub(STRING, '""').match?(COMMENT)
    end

    def refuse_halves(text)
      text.scan(STRING) do |string|
        # An escaped backslash is not the beginning of an escape.
        rest = string.gsub("\\\\", "").gsub(PAIR, "")
        raise Inexact, "it has half of a surrogate pair" if rest.match?(HALF)
      end
    end

    def refuse_infinite(value)
      case value
      when Float then raise Inexact, "a number is too large" if value.infinite?
      when Array then value.each { |each| refuse_infinite(each) }
      when Hash then value.each_value { |each| refuse_infinite(each) }
      end
    end

    # Without the rest of the text, which the parser quotes.
    def readable(message)
      message = message.scrub
      message.length > 200 ? "#{message[0, 200]}…" : message
    end
  end
  private_constant :Exact
end
