require "sandmill"

Sandmill.stage(&:upcase)
