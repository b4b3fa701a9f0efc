# frozen_string_literal: true

module Sandmill
  # What a stage may not reach is an error of Ruby, and never a trap or a made-up value.
  module Reach
    CLOCKS = { Process.singleton_class => %i[clock_gettime clock_getres times], Kernel => %i[sleep],
               Kernel.singleton_class => %i[sleep] }.freeze
    PROCESSES = %i[system spawn exec fork `].freeze
    RANDOM = { Kernel => %i[rand], Kernel.singleton_class => %i[rand],
               Random.singleton_class => %i[rand bytes random_number] }.freeze

    @is_seeded = false

    class << self
      # Whether the program has given the default generator a seed.
      attr_accessor :is_seeded

      # Puts the refusals where Ruby asks the system.
      def seal
        return if @is_sealed

        @is_sealed = true
        CLOCKS.each { |owner, names| names.each { |name| refuse(owner, name, "the time") } }
        [Kernel, Kernel.singleton_class].each { |owner| PROCESSES.each { |name| refuse(owner, name, "other processes") } }
        %i[new_seed urandom].each { |name| refuse(Random.singleton_class, name, "random numbers") }
        refuse(IO.singleton_class, :popen, "other processes")
        RANDOM.each { |owner, names| names.each { |name| refuse_unseeded(owner, name) } }
        seal_time
        seal_seeds
      end

      def unreached(what)
        raise Errno::EACCES, "a stage in Ruby does not reach #{what}"
      end

      private

      def refuse(owner, name, what)
        owner.define_method(name) { |*, **| Reach.unreached(what) }
        owner.send(:private, name) if owner == Kernel
      end

      def refuse_unseeded(owner, name)
        own = owner.instance_method(name)
        owner.define_method(name) do |*arguments|
          Reach.is_seeded ? own.bind_call(self, *arguments) : Reach.unreached("random numbers, unless `srand` gives it a seed")
        end
        owner.send(:private, name) if owner == Kernel
      end

      def seal_time
        Time.singleton_class.prepend(Module.new do
          def now(...) = Reach.unreached("the time")

          def new(*arguments, **options)
            arguments.empty? ? Reach.unreached("the time") : super
          end
        end)
      end

      def seal_seeds
        [Kernel, Kernel.singleton_class, Random.singleton_class].each { |owner| seal_srand(owner) }
        Random.singleton_class.prepend(Module.new do
          def new(*seed) = seed.empty? ? Reach.unreached("random numbers: give `Random.new` a seed") : super
        end)
        Array.prepend(Module.new do
          %i[shuffle shuffle! sample].each do |name|
            define_method(name) do |*arguments, **options|
              next super(*arguments, **options) if options.key?(:random) || Reach.is_seeded

              Reach.unreached("random numbers: give `#{name}` a generator with `random:`")
            end
          end
        end)
      end

      def seal_srand(owner)
        own = owner.instance_method(:srand)
        owner.define_method(:srand) do |*seed|
          Reach.unreached("random numbers: give `srand` a seed") if seed.empty?
          Reach.is_seeded = true
          own.bind_call(self, *seed)
        end
        owner.send(:private, :srand) if owner == Kernel
      end
    end
  end
  private_constant :Reach
end
