module upper

go 1.24

require sandmill.dev/sandmill v0.0.0

replace sandmill.dev/sandmill => ./.sandmill/go
