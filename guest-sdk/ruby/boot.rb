# The first program of an instance: it takes the files of the SDK and of the stage, which are part of the component, and makes
# `require_relative` find them. What it returns serves the calls of the host.
#
# Its input is the number of files, then for each file the lengths of its name and its text, and both. The first file is the
# one with the stage.

Encoding.default_external = Encoding::UTF_8
$stdout.sync = true

module SandmillFiles
  TEXTS = {}
  LOADED = {}

  def self.read
    count = $stdin.sysread(4).unpack1("V")
    count.times do
      name, text = $stdin.sysread(8).unpack("VV").map { |bytes| bytes.zero? ? +"" : $stdin.sysread(bytes) }
      TEXTS[name.force_encoding(Encoding::UTF_8)] = text.force_encoding(Encoding::UTF_8)
    end
  end

  # Loads a file, once. False where it was loaded before; nil where there is no such file.
  def self.load(name)
    name = [name, "#{name}.rb"].find { |each| TEXTS.key?(each) }
    return if name.nil?
    return false if LOADED[name]

    LOADED[name] = true
    begin
      RubyVM::InstructionSequence.compile(TEXTS[name], name, name).eval
    rescue Exception
      LOADED.delete(name)
      raise
    end
    true
  end

  # The name of a file that is named relative to another: "lib/../words" beside "stage.rb" is "words".
  def self.beside(from, name)
    parts = File.dirname(from).split("/") + name.split("/")
    parts.each_with_object([]) { |part, path| part == ".." ? path.pop : (path << part unless part == "." || part.empty?) }.join("/")
  end
end

module Kernel
  alias_method :sandmill_require, :require
  alias_method :sandmill_require_relative, :require_relative

  def require(name)
    return false if name == "sandmill"

    sandmill_require(name)
  end

  def require_relative(name)
    from = caller_locations(1, 1).first.path
    return sandmill_require(File.expand_path(name, File.dirname(from))) unless SandmillFiles::TEXTS.key?(from)

    loaded = SandmillFiles.load(SandmillFiles.beside(from, name))
    return loaded unless loaded.nil?

    raise LoadError, "cannot load such file -- #{name}: the stage's folder has no #{SandmillFiles.beside(from, name)}.rb"
  end

  private :require, :require_relative, :sandmill_require, :sandmill_require_relative
end

SandmillFiles.read
SandmillFiles.load(".sandmill/ruby/lib/sandmill.rb")
SandmillFiles.load(".sandmill/ruby/lib/sandmill/guest.rb")
Sandmill::Guest.new
