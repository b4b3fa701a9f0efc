module sandmill.dev/sandmill

go 1.24
