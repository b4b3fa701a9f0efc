# The two commands of the README: `make demo` and `make test`. Both do all the set-up.

SHELL := /bin/sh
TARGET_DIR := $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)
# Guests are built into a folder of their own below it, by whichever toolchain can.
SANDMILL := $(TARGET_DIR)/release/sandmill
SANDMILL_DEV := $(TARGET_DIR)/debug/sandmill
# The folders that are stages, those of the tests included: the others are libraries that they share. Three are kept
# built, because they take minutes and a C compiler for WebAssembly: `make std-components` builds these again.
KEPT = stages/javascript-engine/ stages/jq/ stages/script-javascript/
STAGES = $(filter-out $(KEPT),$(dir $(shell grep -l cdylib stages/*/Cargo.toml tests/guests/*/Cargo.toml)))

# How long `make fuzz` spends on each target.
SECONDS ?= 60

.PHONY: demo test lint bench soak fuzz setup dist man std-components check-std-components

setup:
	@scripts/setup.sh

# Builds everything and runs the access-log example: a million lines, four sandboxed stages, one database.
demo: setup
	cargo build --profile demo --locked -p sandmill
	@# This run ends with 3, because broken lines become dead letters.
	$(TARGET_DIR)/demo/sandmill run examples/access-log || [ $$? -eq 3 ]
	@examples/access-log/query.sh

test: setup
	@# All targets at once: the program alone would be built with other features of its dependencies, and these twice.
	cargo build --locked --workspace --all-targets
	$(SANDMILL_DEV) build $(STAGES)
	SANDMILL_CACHE=$(TARGET_DIR)/tests-cache scripts/languages.sh $(SANDMILL_DEV)
	tests/peers/python.sh $(TARGET_DIR)/peers
	@# Compiled guests are kept beside the tests, not among the user's.
	SANDMILL_CACHE=$(TARGET_DIR)/tests-cache cargo test --locked --workspace
	SANDMILL_CACHE=$(TARGET_DIR)/tests-cache scripts/test-sdks.sh $(SANDMILL_DEV)
	SANDMILL=$(SANDMILL_DEV) SANDMILL_CACHE=$(TARGET_DIR)/tests-cache scripts/std-components --check
	cd guest-sdk/rust/hello && cargo test --locked --target-dir $(TARGET_DIR)/guests-native
	cd guest-sdk/rust && cargo test --locked --all-features --target-dir $(TARGET_DIR)/guests-native
	cd stages && cargo test --locked --target-dir $(TARGET_DIR)/guests-native
	cd tests/works && cargo test --locked -p works --all-features --target-dir $(TARGET_DIR)/guests-native

lint:
	cd guest-sdk/adapters && for name in null command env files command-files; do ./generate.py $$name | cmp - $$name.wat || exit 1; done
	cd guest-sdk/adapters && ./ruby.py | cmp - ruby.wat
	cargo fmt --all --check
	cd guest-sdk/rust && cargo fmt --all --check
	cd stages && cargo fmt --all --check
	cd tests/guests && cargo fmt --all --check
	cd tests/works && cargo fmt --all --check
	cd tests/rivals && cargo fmt --all --check
	cd fuzz && cargo fmt --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cd guest-sdk/rust && cargo clippy --locked --all-targets --all-features --target-dir $(TARGET_DIR)/guests-native -- -D warnings
	cd stages && cargo clippy --locked --workspace --all-targets --target-dir $(TARGET_DIR)/guests-native -- -D warnings
	cd tests/guests && cargo clippy --locked --workspace --target-dir $(TARGET_DIR)/guests-native -- -D warnings
	cd tests/works && cargo clippy --locked --workspace --all-targets --all-features --target-dir $(TARGET_DIR)/guests-native -- -D warnings
	cd fuzz && cargo clippy --locked --target-dir $(TARGET_DIR) -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --workspace --exclude tests

# The program as it is given to others: without symbols, which lie beside it. A backtrace finds them there, by name.
dist:
	cargo build --profile dist --locked -p sandmill
	cd $(TARGET_DIR)/dist && objcopy --only-keep-debug sandmill sandmill.debug && \
		objcopy --strip-all --add-gnu-debuglink=sandmill.debug sandmill sandmill.stripped && mv sandmill.stripped sandmill

# The pages for `man`, into target/man.
man:
	cargo build --release --locked -p sandmill
	mkdir -p $(TARGET_DIR)/man
	$(SANDMILL) man > $(TARGET_DIR)/man/sandmill.1
	for verb in $$($(SANDMILL) help | sed -n '/^Commands:/,/^$$/s/^  \([a-z][a-z-]*\) .*/\1/p' | grep -v '^help$$'); do \
		$(SANDMILL) man $$verb > $(TARGET_DIR)/man/sandmill-$$verb.1; done

# The components that travel inside the program, into stages/std. Needs zig and zstd: see the script.
std-components:
	SANDMILL=$(SANDMILL_DEV) scripts/std-components

# Builds them again, and compares the bytes, as `make test` does.
check-std-components:
	SANDMILL=$(SANDMILL_DEV) scripts/std-components --check

# All of it, into docs/; `make bench SECTIONS="works sizes"` and `make bench SECTIONS=--quick` only print.
# `make bench SECTIONS=peers`: beside DuckDB, polars, Miller, jq and sqlite3, which are installed for it. `SECTIONS=languages` and
# `SECTIONS=python-pool` also write their tables into the pages that show them.
bench: setup
	cargo build --release --locked -p sandmill -p tests
	tests/rivals/build.sh $(TARGET_DIR)/rivals
	@case " $(filter-out --quick,$(SECTIONS)) " in *" peers "*|*" languages "*|"  ") tests/peers/install.sh $(TARGET_DIR)/peers ;; esac
	@case " $(filter-out --quick,$(SECTIONS)) " in *" python-pool "*|"  ") tests/peers/python.sh $(TARGET_DIR)/peers ;; esac
	@case " $(filter-out --quick,$(SECTIONS)) " in *" languages "*|*" python-pool "*|"  ") scripts/languages.sh $(SANDMILL) ;; esac
	$(TARGET_DIR)/release/bench $(SECTIONS)

# A hundred million records, interrupted six times and resumed: `make soak`, or `make soak RECORDS=1000000`. A GB of disk.
soak: setup
	cargo build --release --locked -p sandmill -p tests
	$(SANDMILL) build stages/identity
	$(TARGET_DIR)/release/soak $(RECORDS)

# Tries what nobody vouches for: `make fuzz SECONDS=300`, or `make fuzz TARGETS="outcome component"`.
fuzz:
	@scripts/fuzz.sh $(SECONDS) $(TARGETS)
