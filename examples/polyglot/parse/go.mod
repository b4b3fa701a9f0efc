module stage

go 1.24

require sandmill v0.0.0

// `sandmill build` puts it there; it does not belong in version control.
replace sandmill => ./.sandmill/go
