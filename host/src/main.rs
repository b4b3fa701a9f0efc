//! The `sandmill` command. All of it is in [`sandmill::cli`], where tests reach it.

use std::process::ExitCode;

fn main() -> ExitCode {
    sandmill::cli::main()
}
