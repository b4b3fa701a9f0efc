module stage

go 1.24

require sandmill v0.0.0

// Where `sandmill build` puts the SDK of a stage elsewhere: => ./.sandmill/go
replace sandmill => ../
