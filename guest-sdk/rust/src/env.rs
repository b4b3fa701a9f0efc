//! The variables that the pipeline file gives the stage, secrets among them (feature `env`).
//!
//! Never those of the host, unless they are named there:
//!
//! ```toml
//! [stage.grant]
//! env = { REGION = "eu" }     # a value; or ["REGION"], for what the host's environment has under that name
//! secret = ["API_TOKEN"]      # the same, but struck out of logs, reports and dead letters; or
//!                             # { API_TOKEN = { file = "/run/secrets/token" } }
//! ```
//!
//! They do not change while a stage runs: read them when it opens, not for every record. Natively, in a stage's tests,
//! they are the test's own.

/// A variable's value; none when the pipeline file does not grant it.
#[must_use]
pub fn var(name: &str) -> Option<String> {
    vars().into_iter().find_map(|(granted, value)| (granted == name).then_some(value))
}

/// All variables.
#[must_use]
pub fn vars() -> Vec<(String, String)> {
    #[cfg(target_arch = "wasm32")]
    return wasi::wasi::cli::environment::get_environment();
    #[cfg(not(target_arch = "wasm32"))]
    return native();
}

/// Those of the test that are text: a guest has no others.
#[cfg(not(target_arch = "wasm32"))]
fn native() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

#[cfg(target_arch = "wasm32")]
#[expect(clippy::all, clippy::restriction, reason = "generated")]
mod wasi {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "package sandmill:reach-env; world env { import wasi:cli/environment@0.2.12; }",
        generate_all,
    });
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_variable_is_found_by_its_whole_name() {
        assert_eq!(super::var("CARGO_PKG_NAME").as_deref(), Some("sandmill-stage"));
        assert_eq!(super::var("CARGO_PKG_NAM"), None);
    }
}
